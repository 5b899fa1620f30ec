/** A server that fails UnwrapKey as a gateway does whose Key Protect is not available. */
import { Metadata, Server, ServerCredentials, status } from "@grpc/grpc-js";
import { ErrorInfo, RetryInfo } from "../../../src/gen/google/rpc/error_details.ts";
import { Status } from "../../../src/gen/google/rpc/status.ts";
import { KeyActionsServiceService } from "../../../src/gen/keyprotect/v1/key_actions_service.ts";

/** An attempt of a call. */
export interface Attempt {
  readonly correlationId: string;
  /** Milliseconds from the arrival until the deadline; infinite without one. */
  readonly timeoutMs: number;
}

/** The server, and the attempts that it has failed. */
export interface FailingGateway extends Disposable {
  readonly address: string;
  readonly attempts: readonly Attempt[];
}

const { unwrapKey } = KeyActionsServiceService;

const details = [
  {
    typeUrl: "type.googleapis.com/google.rpc.ErrorInfo",
    value: Buffer.from(
      ErrorInfo.encode({
        domain: "keyprotect-gateway",
        reason: "UPSTREAM_UNAVAILABLE",
        metadata: { mayHaveExecuted: "false" },
      }).finish(),
    ),
  },
  {
    typeUrl: "type.googleapis.com/google.rpc.RetryInfo",
    value: Buffer.from(
      RetryInfo.encode({ retryDelay: { seconds: 2n, nanos: 500_000_000 } }).finish(),
    ),
  },
];

/** Starts the server on a free port. Its pushback is 1 ms, so that retries follow at once. */
export async function startFailingGateway(): Promise<FailingGateway> {
  const attempts: Attempt[] = [];
  const failure = { code: status.UNAVAILABLE, message: "Key Protect is not available", details };
  const server = new Server();
  server.addService(
    { unwrapKey },
    {
      unwrapKey: (
        call: { metadata: Metadata; getDeadline: () => Date | number },
        callback: (error: object) => void,
      ) => {
        attempts.push({
          correlationId: String(call.metadata.get("x-correlation-id")[0]),
          timeoutMs: Number(call.getDeadline()) - Date.now(),
        });
        const metadata = new Metadata();
        metadata.set("grpc-retry-pushback-ms", "1");
        metadata.set("grpc-status-details-bin", Buffer.from(Status.encode(failure).finish()));
        callback({ code: failure.code, details: failure.message, metadata });
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    address: `127.0.0.1:${port}`,
    attempts,
    [Symbol.dispose]: () => server.forceShutdown(),
  };
}
