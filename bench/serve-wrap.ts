/**
 * The gRPC server of the arrangements `floor` and `naive`: grpc-js, generated codecs, one method.
 * The floor of `npm run bench:list` uses its parts.
 */
import {
  Server,
  ServerCredentials,
  status,
  type handleUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import {
  KeyActionsServiceService,
  type WrapKeyRequest,
  type WrapKeyResponse,
} from "../src/gen/keyprotect/v1/key_actions_service.ts";

const { wrapKey } = KeyActionsServiceService;

type Wrap = (request: WrapKeyRequest) => Promise<WrapKeyResponse>;

/** Answers a call with what a promise gives, or with `UNAVAILABLE`. */
export async function answer<Res>(
  response: Promise<Res>,
  callback: sendUnaryData<Res>,
): Promise<void> {
  try {
    callback(null, await response);
  } catch (error) {
    callback({ code: status.UNAVAILABLE, details: String(error) });
  }
}

/** Serves on a free port of loopback and sends the port to the bench. */
export function serve(server: Server): void {
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) throw error;
    process.send?.({ port });
  });
}

/** Serves `wrapKey` only. */
export function serveWrap(wrap: Wrap): void {
  const server = new Server();
  const handle: handleUnaryCall<WrapKeyRequest, WrapKeyResponse> = (call, callback) =>
    void answer(wrap(call.request), callback);
  server.addService({ wrapKey }, { wrapKey: handle });
  serve(server);
}
