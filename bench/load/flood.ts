/**
 * Makes very many calls at once with a cheap client: a gRPC library costs more per call than the
 * server.
 */
import { once } from "node:events";
import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from "node:http2";
import { Metadata, status } from "@grpc/grpc-js";
import {
  KeyActionsServiceService,
  WrapKeyRequest,
  WrapKeyResponse,
} from "../../src/gen/keyprotect/v1/key_actions_service.ts";
import { statusDetails } from "../../test/support/status-details.ts";
import type { Identity } from "./identities.ts";

/** Options of a flood. */
export interface FloodOptions {
  readonly address: string;
  /** Each caller has its own connection. */
  readonly callers: readonly Identity[];
  readonly keyId: string;
  readonly calls: number;
  /** Number of concurrent calls on each connection. Default 800. */
  readonly atATime?: number | undefined;
}

/**
 * Below the gateway's limit of streams per connection, which gRPC clients respect. The difference
 * leaves room for streams that the gateway has not closed yet.
 */
const usualAtATime = 800;

/** Number of calls by outcome: `OK`, or status and reason. */
export type FloodOutcomes = Readonly<Record<string, number>>;

/**
 * Connects. Resolves after the server's settings, whose limit of concurrent streams Node respects.
 */
async function open(address: string, { ca, cert, key }: Identity): Promise<ClientHttp2Session> {
  const session = connect(`https://${address}`, { ca, cert, key, servername: "localhost" });
  await once(session, "remoteSettings");
  // Each stream reports the error too.
  session.on("error", () => {});
  return session;
}

function enveloped(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function outcomeOf(trailers: IncomingHttpHeaders, body: Buffer): string {
  const code = Number(trailers["grpc-status"] ?? status.UNKNOWN);
  if (code === 0) {
    const { ciphertext } = WrapKeyResponse.decode(body.subarray(5));
    return ciphertext.length > 0 ? "OK" : "WRONG ANSWER";
  }
  const details = String(trailers["grpc-message"] ?? "");
  const metadata = Metadata.fromHttp2Headers(trailers);
  const error = Object.assign(new Error(details), { code, details, metadata });
  const reason = statusDetails(error).errorInfo?.reason ?? `untyped: ${details}`;
  return `${status[code] ?? code} ${reason}`;
}

/** Makes one call without a deadline. Resolves to its outcome, also if it fails. */
const call = (session: ClientHttp2Session, request: Buffer): Promise<string> =>
  new Promise((resolve) => {
    const stream = session.request({
      ":method": "POST",
      ":path": KeyActionsServiceService.wrapKey.path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    let trailers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    stream.on("response", (headers) => {
      // A response with only a status has a single header block.
      if ("grpc-status" in headers) trailers = headers;
    });
    stream.on("trailers", (headers) => {
      trailers = headers;
    });
    stream.on("data", (chunk: Buffer) => void chunks.push(chunk));
    stream.on("error", (error) => resolve(`untyped: ${error.message}`));
    stream.on("close", () => resolve(outcomeOf(trailers, Buffer.concat(chunks))));
    stream.end(request);
  });

/** Makes all calls as soon as their connections accept them, round-robin over the callers. */
export async function flood(options: FloodOptions): Promise<FloodOutcomes> {
  const { address, callers, keyId, calls, atATime = usualAtATime } = options;
  const sessions = await Promise.all(callers.map((caller) => open(address, caller)));
  const message = { keyId, plaintext: Buffer.alloc(32, 0x5a), additionalAuthenticatedData: [] };
  const request = enveloped(WrapKeyRequest.encode(message).finish());
  const outcomes: Record<string, number> = {};
  const turns = Math.ceil(calls / sessions.length);
  const keepCalling = async (session: ClientHttp2Session, left: { turns: number }) => {
    while (left.turns > 0) {
      left.turns -= 1;
      const outcome = await call(session, request);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
  };
  const all = sessions.flatMap((session) => {
    const left = { turns };
    return Array.from({ length: atATime }, () => keepCalling(session, left));
  });
  await Promise.all(all);
  for (const session of sessions) session.close();
  return outcomes;
}
