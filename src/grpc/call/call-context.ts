import type { Metadata } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { AttemptLog } from "../../platform/attempt-log.ts";
import type { CallSignal } from "../../platform/call-signal.ts";
import type { Rpc } from "../../rpc-table.ts";
import type { Secret } from "../../platform/secret.ts";

/** Everything about one inbound call that is not its message. Passed explicitly to everything that works for the call. */
export interface CallContext {
  readonly rpc: Rpc;
  /** One UUID for the call: sent upstream, returned in initial metadata and trailers, in every log line. */
  readonly correlationId: string;
  /** Request metadata as received. */
  readonly metadata: Metadata;
  /** Network address of the caller, or `unix` for a Unix domain socket. */
  readonly peer: string;
  /** The one URI SAN of the caller's verified certificate; `undefined` where the listener has no client certificates. */
  readonly certificateUri: string | undefined;
  /** Why the certificate does not identify the caller (none or several URI SANs, ...); `undefined` if it does or there is none. */
  readonly certificateProblem: string | undefined;
  /** Who calls: a SPIFFE ID, `unix`, or `anonymous`. Set by the `authenticate` interceptor. */
  readonly caller: string;
  /** Alias of the configured instance that the call is for. Set by the `route` interceptor. */
  readonly instance: string;
  /** The bearer token of the caller's `authorization` metadata, if it sent one. */
  readonly callerToken: Secret | undefined;
  /** When the call has to be answered, in milliseconds of the monotonic clock: a margin before the caller's own deadline. */
  readonly deadline: number;
  /** Aborted with a `CallEnded` as reason when the caller cancels, `deadline` passes or the gateway's grace period ends. */
  readonly signal: CallSignal;
  /** The upstream requests made for this call so far. */
  readonly attemptLog: AttemptLog & { caller?: string; instance?: string };
  /** The root logger; lines carry the correlation ID explicitly. */
  readonly logger: Logger;
}
