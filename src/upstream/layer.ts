import type { AttemptLog } from "../platform/attempt-log.ts";
import type { CallSignal } from "../platform/call-signal.ts";
import type { PriorityClass, RepeatClass } from "../rpc-table.ts";
import type { Secret } from "../platform/secret.ts";

/**
 * What the layers of the outbound pipeline need to know of the call that an exchange is made for. A `CallContext` has all
 * of it, so that the context of the inbound side is passed straight through.
 */
export interface UpstreamCall {
  /** The row of the RPC: how it may be repeated, who goes first, how long one attempt may take. */
  readonly rpc: {
    readonly method: string;
    readonly repeat: RepeatClass;
    readonly priority: PriorityClass;
    readonly attemptTimeoutMs: number;
  };
  /** Sent upstream as `Correlation-Id`, the same for every attempt of the call. */
  readonly correlationId: string;
  /** Who calls; the key of fairness between callers. Never a text chosen freely by the caller. */
  readonly caller: string;
  /** When the call has to be answered, in milliseconds of the monotonic clock. */
  readonly deadline: number;
  /** Aborted, with a `CallEnded` as reason, when the call has to end. */
  readonly signal: CallSignal;
  /** The caller's own bearer token, for instances that pass it through. */
  readonly callerToken: Secret | undefined;
  /** The upstream requests made for this call so far. */
  readonly attemptLog: AttemptLog;
}

/** One HTTP exchange that is wanted from the upstream. */
export interface UpstreamRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** Path and query, starting with `/`, below the origin. */
  readonly path: string;
  /** Lower-case names. `authorization` is added by the `bearer` layer and by nothing else. */
  readonly headers: Readonly<Record<string, string>>;
  /** The whole body; absent for none. */
  readonly body?: Buffer | undefined;
  /** An answer with a larger body is refused, in bytes. */
  readonly maxResponseBytes: number;
  /** Whether a connection has to be made for it, which is closed after it. Default: one that is open is used, if there is any. */
  readonly onNewConnection?: boolean | undefined;
  /**
   * Whether this attempt follows a 429. It then waits at the head of its caller's queue. The retry
   * layer sets it on that one attempt only. Default: the attempt waits behind the caller's other calls.
   */
  readonly isRequeued?: boolean | undefined;
  readonly call: UpstreamCall;
}

/** A complete HTTP answer, of any status. */
export interface UpstreamResponse {
  readonly status: number;
  /** Lower-case names; a repeated header is joined with `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** Empty for none. */
  readonly body: Buffer;
  /** When the request was put on its connection, which may have had to be set up first. */
  readonly sentAt?: number;
}

/**
 * Makes one exchange. Resolves with the answer whatever its status; rejects with an `UpstreamError` when there is no
 * complete answer. Settles by the call's deadline at the latest.
 */
export type Send = (request: UpstreamRequest) => Promise<UpstreamResponse>;

/** Decorates a `Send`. */
export type Layer = (next: Send) => Send;

/** Folds layers around a transport; the first layer is the outermost. */
export const pipeline = (layers: readonly Layer[], transport: Send): Send =>
  layers.reduceRight((next, layer) => layer(next), transport);
