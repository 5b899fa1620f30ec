/** The types of the outbound pipeline: request, response, `Send` and `Layer`. */
import type { AttemptLog } from "../platform/attempt-log.ts";
import type { CallSignal } from "../platform/call-signal.ts";
import type { CallTrace } from "../platform/tracing/call-trace.ts";
import type { Secret } from "../platform/secret.ts";
import type { PriorityClass, RetryClass } from "../rpc-table.ts";

/**
 * The part of a call that the outbound layers read. A `CallContext` has all of it, so the inbound
 * side passes its context on as it is.
 */
export interface UpstreamCall {
  /** The row of the RPC: retry class, priority class and attempt time-out in milliseconds. */
  readonly rpc: {
    readonly method: string;
    readonly retry: RetryClass;
    readonly priority: PriorityClass;
    readonly attemptTimeoutMs: number;
  };
  /** Sent upstream as `Correlation-Id`, the same for every attempt of the call. */
  readonly correlationId: string;
  /** The caller's identity, the key of fairness. Never a text that the caller chose freely. */
  readonly caller: string;
  /** When the call has to be answered, in milliseconds of the monotonic clock. */
  readonly deadline: number;
  /** Aborted, with a `CallEnded` as reason, when the call has to end. */
  readonly signal: CallSignal;
  /** The caller's own bearer token, for instances that pass it through. */
  readonly callerToken: Secret | undefined;
  /** The upstream requests made for this call so far. */
  readonly attemptLog: AttemptLog;
  /** Notified of what the call waits for. Absent if the call has no trace. */
  readonly trace?: CallTrace | undefined;
}

/** One HTTP request to the upstream. */
export interface UpstreamRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path and query, starting with `/`. */
  readonly path: string;
  /** Lower-case names. The layer `bearer-token` alone adds `authorization`. */
  readonly headers: Readonly<Record<string, string>>;
  /** The whole body; absent for none. */
  readonly body?: Buffer | undefined;
  /** A response with a larger body is rejected, in bytes. */
  readonly maxResponseBytes: number;
  /**
   * Whether the request gets a new connection, which is closed after it. Default: it may use an
   * open connection.
   */
  readonly onNewConnection?: boolean | undefined;
  /**
   * Whether this attempt follows a 429. It then waits at the head of its caller's queue. The retry
   * layer sets it on that one attempt only. Default: the attempt waits behind the caller's other
   * calls.
   */
  readonly isRequeued?: boolean | undefined;
  /**
   * Called each time the request is about to be written to a connection. Must not throw. Default:
   * ignored.
   */
  readonly onSent?: (() => void) | undefined;
  readonly call: UpstreamCall;
}

/** A complete HTTP response, of any status. */
export interface UpstreamResponse {
  readonly status: number;
  /** Lower-case names; the values of a repeated header are joined with `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** Empty if there is none. */
  readonly body: Buffer;
  /**
   * When the request was written to its connection, in monotonic milliseconds. Setting up the
   * connection may have come first.
   */
  readonly sentAt?: number;
  /** `true` if an exchange before this one may have been executed: a proxy answered it with 401. */
  readonly isAfterUnproven?: true;
}

/**
 * Sends one request. Resolves with the response whatever its status. Rejects with an
 * `UpstreamError` if there is no complete response. Settles by the call's deadline at the latest.
 */
export type Send = (request: UpstreamRequest) => Promise<UpstreamResponse>;

/**
 * Whether the upstream itself wrote an error response. `false` for the page of a proxy, which may
 * answer although the upstream has the request.
 */
export type IsOwnError = (response: UpstreamResponse) => boolean;

/** The two functions of a promise of `T`. */
export interface Settle<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Decorates a `Send`, as an interceptor does. For example, a layer that logs each status:
 *
 * ```ts
 * const logStatus: Layer = (next) => async (request) => {
 *   const response = await next(request);
 *   console.log(response.status);
 *   return response;
 * };
 * ```
 */
export type Layer = (next: Send) => Send;

/** Wraps layers around a transport; the first layer is the outermost. */
export const pipeline = (layers: readonly Layer[], transport: Send): Send =>
  layers.reduceRight((next, layer) => layer(next), transport);
