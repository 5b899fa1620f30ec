/** What may be repeated, and how: pure functions of an outcome and of the RPC's row. */
import type { RepeatClass } from "../../rpc-table.ts";
import { UpstreamError } from "../error.ts";
import type { UpstreamErrorCode } from "../error.ts";
import type { UpstreamResponse } from "../layer.ts";

/** How an attempt ended. */
export type AttemptOutcome =
  | { readonly response: UpstreamResponse; readonly error?: undefined }
  | { readonly response?: undefined; readonly error: unknown };

/**
 * What to do after an attempt: leave it at that, repeat after a backoff, repeat `immediate`, or `requeue` what the upstream
 * did not take for want of quota.
 */
export type RetryKind = "none" | "backoff" | "immediate" | "requeue";

/** Answers that another attempt may better. 429 is another matter: it is about the gateway's pace. */
const transientStatuses: ReadonlySet<number> = new Set([408, 500, 502, 503, 504]);

/** Whether an answer may call for another attempt. */
export const isRetryableStatus = (status: number): boolean =>
  status === 429 || transientStatuses.has(status);

const transientCodes: ReadonlySet<UpstreamErrorCode> = new Set([
  "UNREACHABLE",
  "RESET",
  "ATTEMPT_TIMEOUT",
]);

/** The gateway would not send, or could not be told to whom: says nothing about the attempts before. */
const refusals: ReadonlySet<UpstreamErrorCode> = new Set([
  "CIRCUIT_OPEN",
  "OVERLOADED",
  "CALLER_LIMIT",
  "DEADLINE_TOO_SHORT",
  "DEADLINE_IN_QUEUE",
  "IAM_UNAVAILABLE",
  "IAM_REJECTED",
]);

/** Whether the gateway refused to send. What the upstream did before is then the better account of the call. */
export const isRefusal = ({ error }: AttemptOutcome): boolean =>
  error instanceof UpstreamError && !error.sent && refusals.has(error.code);

/** A 503 with `Retry-After` says by itself that the request was not taken. */
const isDeclined = ({ status, headers }: UpstreamResponse): boolean =>
  status === 429 || (status === 503 && headers["retry-after"] !== undefined);

/** Whether the upstream may have executed the request without saying how that went. */
export function mayHaveExecuted({ response, error }: AttemptOutcome): boolean {
  if (response !== undefined) {
    return transientStatuses.has(response.status) && !isDeclined(response);
  }
  return error instanceof UpstreamError && error.sent;
}

/**
 * Whether the connection broke. It may have been closed while it lay idle, and the others in the pool, as old as it, with it: only
 * a new one tells whether the upstream can be reached.
 */
export const hasBroken = ({ error }: AttemptOutcome): boolean =>
  error instanceof UpstreamError && error.code === "RESET";

/** What the outcome of an attempt calls for. `repeats` are those made so far, requeues not counted. */
export function retryKindAfter(
  outcome: AttemptOutcome,
  repeat: RepeatClass,
  repeats: number,
): RetryKind {
  const { response, error } = outcome;
  if (response !== undefined) {
    if (response.status === 429) return "requeue";
    return repeat !== "unsafe" && transientStatuses.has(response.status) ? "backoff" : "none";
  }
  if (!(error instanceof UpstreamError) || !transientCodes.has(error.code)) return "none";
  if (repeat === "unsafe") return error.sent ? "none" : "backoff";
  // Most likely an idle connection that the upstream closed while the request was on its way: that is no overload.
  return error.code === "RESET" && repeat === "safe" && repeats === 0 ? "immediate" : "backoff";
}
