/** The context of one inbound call: its fields, who writes them, and how it is created. */
import type { Metadata, ServerUnaryCall } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { AttemptLog } from "../../platform/attempt-log.ts";
import type { CallSignal } from "../../platform/call-signal.ts";
import type { CallTrace } from "../../platform/tracing/call-trace.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Rpc } from "../../rpc-table.ts";
import type { Secret } from "../../platform/secret.ts";
import { correlationIdOf } from "./correlation-id.ts";
import { allowedMs, type DeadlineRules } from "./deadline.ts";
import type { Peer, PeerCall } from "./peer.ts";

/**
 * Everything about one inbound call except its message. It is created once per call and passed
 * explicitly to all code that works for the call.
 */
export interface CallContext {
  /**
   * The row of the RPC. The `prioritize` interceptor replaces it by one with the priority that
   * the caller selected.
   */
  readonly rpc: Rpc;
  /**
   * A UUID: sent upstream, returned in initial metadata and trailers, and part of every log line.
   * A door replaces it by the ID that its protocol has in the request.
   */
  readonly correlationId: string;
  /**
   * The ID that a door's protocol has in the request, in a form that is safe to log. For the log
   * only. `undefined` outside doors.
   */
  readonly uid?: string | undefined;
  /** Request metadata as received. */
  readonly metadata: Metadata;
  /** Network address of the caller, or `unix` for a Unix domain socket. */
  readonly peer: string;
  /**
   * The only URI SAN of the caller's verified certificate; `undefined` if the listener does not
   * require client certificates.
   */
  readonly certificateUri: string | undefined;
  /**
   * Why the certificate does not identify the caller, such as no URI SAN or several; `undefined` if
   * it does or if there is none.
   */
  readonly certificateProblem: string | undefined;
  /** Names of a certificate that does not identify the caller; for the log only. */
  readonly refusedIdentity?: string | undefined;
  /**
   * A SPIFFE ID, `unix`, `anonymous`, or the configured name of a door's caller. Written by the
   * `authenticate` interceptor or by that of the door; `anonymous` before.
   */
  readonly caller: string;
  /**
   * Alias of the configured instance that the call is for. Written by the `select-instance`
   * interceptor; empty before.
   */
  readonly instance: string;
  /**
   * ID of the key ring that the call is limited to; `undefined`: every ring that the credential may
   * see. Written by the `select-key-ring` interceptor.
   */
  readonly keyRing: string | undefined;
  /**
   * ID of the key ring that the call moves a key to, if it moves one. Written by the
   * `select-key-ring` interceptor.
   */
  readonly targetKeyRing: string | undefined;
  /**
   * The bearer token of the caller's `authorization` metadata, if it sent one. Written by the
   * `authenticate` interceptor.
   */
  readonly callerToken: Secret | undefined;
  /**
   * Time by which the call must be answered, in milliseconds of the monotonic clock. It is earlier
   * than the caller's own deadline by a margin.
   */
  readonly deadline: number;
  /**
   * Aborted with a `CallEnded` as reason when the caller cancels, `deadline` passes or the
   * shutdown's grace period ends.
   */
  readonly signal: CallSignal;
  /** The upstream requests made for this call so far. */
  readonly attemptLog: AttemptLog;
  /** The call's trace; absent if it has none. */
  readonly trace?: CallTrace | undefined;
  /** The root logger; callers add the correlation ID to each line. */
  readonly logger: Logger;
}

/**
 * The same context while interceptors run. They write these fields, each at most once;
 * handlers and observers read them as part of `CallContext`.
 */
export interface MutableCallContext extends CallContext {
  correlationId: string;
  uid?: string | undefined;
  caller: string;
  callerToken: Secret | undefined;
  instance: string;
  rpc: Rpc;
  keyRing: string | undefined;
  targetKeyRing: string | undefined;
}

/** The part of a call of grpc-js that is used; that of a stream has its messages as the request. */
export interface SourceCall<Req> extends Pick<
  ServerUnaryCall<Req, unknown>,
  "request" | "metadata" | "getDeadline" | "getPeer" | "getAuthContext" | "getHost" | "sendMetadata"
> {
  /** grpc-js raises `cancelled` when it is done with the call. */
  on(event: "cancelled", listener: () => void): unknown;
}

/** Begins the trace of a call, or continues its caller's; `undefined`: the call has none. */
export type BeginTrace = (
  call: Pick<ServerUnaryCall<unknown, unknown>, "metadata" | "getHost">,
  rpc: Rpc,
) => CallTrace | undefined;

/** Dependencies of `createCallContext`; the same for all calls. */
export interface CallContextDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly deadlines: DeadlineRules;
  /** Creates the correlation ID, a random UUID, if the caller sent none. */
  readonly createId: () => string;
  readonly peerOf: (call: PeerCall) => Peer;
  /** Default: no call has a trace. */
  readonly beginTrace?: BeginTrace | undefined;
}

/**
 * Creates the context of a call on arrival. `remaining` is the time until the caller's own
 * deadline, in milliseconds.
 */
export function createCallContext(
  { clock, logger, deadlines, createId, peerOf, beginTrace }: CallContextDeps,
  rpc: Rpc,
  call: SourceCall<unknown>,
  remaining: number,
  signal: CallSignal,
): MutableCallContext {
  const { peer, certificateUri, certificateProblem, refusedIdentity } = peerOf(call);
  return {
    rpc,
    correlationId: correlationIdOf(call.metadata, createId),
    metadata: call.metadata,
    peer,
    certificateUri,
    certificateProblem,
    refusedIdentity,
    caller: "anonymous",
    instance: "",
    keyRing: undefined,
    targetKeyRing: undefined,
    callerToken: undefined,
    deadline: clock.now() + allowedMs(remaining, rpc.defaultDeadlineMs, deadlines),
    signal,
    attemptLog: { attempts: 0, httpStatus: undefined },
    trace: beginTrace?.(call, rpc),
    logger,
  };
}
