/** The retry policy: pure functions of an attempt's outcome and of the RPC's retry class. */
import type { RetryClass } from "../../rpc-table.ts";
import { UpstreamError } from "../error.ts";
import type { UpstreamErrorCode } from "../error.ts";
import type { IsOwnError, UpstreamResponse } from "../layer.ts";

/** How an attempt ended. */
export type AttemptOutcome =
  | {
      readonly response: UpstreamResponse;
      /** Whether the response is a 429 that the upstream itself wrote: nothing was executed. */
      readonly isDeclined: boolean;
      readonly error?: undefined;
    }
  | { readonly response?: undefined; readonly isDeclined?: false; readonly error: unknown };

/** The outcome of an attempt that was answered. `isOwnError` tells the upstream from a proxy. */
export const outcomeOf = (response: UpstreamResponse, isOwnError: IsOwnError): AttemptOutcome => ({
  response,
  isDeclined: response.status === 429 && isOwnError(response),
});

/**
 * The retry that follows an attempt: `none`, one after a `backoff`, an `immediate` one, or a
 * `requeue` of a request that the upstream rejected for lack of quota.
 */
export type RetryKind = "none" | "backoff" | "immediate" | "requeue";

/** Responses that another attempt may improve. 429 is not among them: it is about the rate. */
const transientStatuses: ReadonlySet<number> = new Set([408, 500, 502, 503, 504]);

/** Whether another attempt may follow a response of this status. */
export const isRetryableStatus = (status: number): boolean =>
  status === 429 || transientStatuses.has(status);

const transientCodes: ReadonlySet<UpstreamErrorCode> = new Set([
  "UNREACHABLE",
  "RESET",
  "ATTEMPT_TIMEOUT",
]);

/** The gateway did not send the attempt. These codes say nothing about earlier attempts. */
const rejections: ReadonlySet<UpstreamErrorCode> = new Set([
  "CIRCUIT_OPEN",
  "OVERLOADED",
  "CALLER_LIMIT",
  "THROTTLED",
  "UNAVAILABLE",
  "DEADLINE_TOO_SHORT",
  "DEADLINE_IN_QUEUE",
  "IAM_UNAVAILABLE",
  "IAM_REJECTED",
]);

/**
 * Whether the gateway rejected the attempt. The outcome of the attempt before it is then returned.
 */
export const isRejection = ({ error }: AttemptOutcome): boolean =>
  error instanceof UpstreamError && !error.sent && rejections.has(error.code);

/**
 * Whether the upstream may have executed the request without reporting the result. A `Retry-After`
 * proves nothing: a proxy adds it to its 503 whatever became of the request behind it. The
 * upstream's own 429 is the one answer of these that declines the request.
 */
export function mayHaveExecuted({ response, isDeclined, error }: AttemptOutcome): boolean {
  if (response !== undefined) {
    if (response.isAfterUnproven === true) return true;
    return isRetryableStatus(response.status) && !isDeclined;
  }
  return error instanceof UpstreamError && error.sent;
}

/**
 * Whether the connection broke. It may have been closed while idle, and the other idle connections,
 * which are as old, with it. Only a new connection shows whether the upstream can be reached.
 */
export const hasBroken = ({ error }: AttemptOutcome): boolean =>
  error instanceof UpstreamError && error.code === "RESET";

/** The retry that follows an attempt. `retries` are those made so far, without requeues. */
export function retryKindAfter(
  outcome: AttemptOutcome,
  retryClass: RetryClass,
  retries: number,
): RetryKind {
  const { response, isDeclined, error } = outcome;
  if (response !== undefined) {
    if (isDeclined) return "requeue";
    if (retryClass === "unsafe" || !isRetryableStatus(response.status)) return "none";
    return response.status === 429 ? "requeue" : "backoff";
  }
  if (!(error instanceof UpstreamError) || !transientCodes.has(error.code)) return "none";
  if (retryClass === "unsafe") return error.sent ? "none" : "backoff";
  // Most likely the upstream closed an idle connection while the request was on its way. That is no
  // overload.
  return error.code === "RESET" && retryClass === "safe" && retries === 0 ? "immediate" : "backoff";
}
