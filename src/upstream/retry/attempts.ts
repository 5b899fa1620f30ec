/**
 * The attempts of one request: their newest outcome, and whether any of them may have had an
 * effect.
 */
import { callEndedError, UpstreamError } from "../error.ts";
import type { IsOwnError, Send, UpstreamRequest, UpstreamResponse } from "../layer.ts";
import { mayHaveExecuted, outcomeOf } from "./retry-policy.ts";
import type { AttemptOutcome } from "./retry-policy.ts";

/** The record of the attempts of one request. */
export interface Attempts {
  readonly request: UpstreamRequest;
  /** The newest outcome. */
  outcome: AttemptOutcome;
  /** Attempts beyond the first, without those after a 429. */
  retries: number;
  /** Attempts after a 429. */
  requeues: number;
  /** Whether an attempt before the newest may have been executed. */
  mayHaveExecuted: boolean;
}

/** Makes one attempt. Never rejects. */
export async function attempt(
  next: Send,
  request: UpstreamRequest,
  isOwnError: IsOwnError,
): Promise<AttemptOutcome> {
  try {
    return outcomeOf(await next(request), isOwnError);
  } catch (error) {
    return { error };
  }
}

/** Replaces the outcome by that of a newer attempt, and zeroes the body of the older response. */
export function replaceOutcome(attempts: Attempts, newer: AttemptOutcome): void {
  const { outcome, request } = attempts;
  if (mayHaveExecuted(outcome)) {
    attempts.mayHaveExecuted = true;
    if (request.call.rpc.retry !== "safe") {
      request.call.attemptLog.mayHaveBeenExecuted = true;
    }
  }
  outcome.response?.body.fill(0);
  attempts.outcome = newer;
}

/**
 * Returns the newest response or throws the newest error. The `sent` of an error is `true` if any
 * of the attempts may have been executed.
 */
export function settle({ outcome, mayHaveExecuted: mayHave }: Attempts): UpstreamResponse {
  const { response, error } = outcome;
  if (response !== undefined) return response;
  if (!mayHave || !(error instanceof UpstreamError) || error.sent) throw error;
  const { code, message, retryAfterMs, minimumMs } = error;
  throw new UpstreamError(code, message, { sent: true, retryAfterMs, minimumMs, cause: error });
}

/** The error of a call that ended between two attempts. Zeroes the body of the newest response. */
export function callEnded(attempts: Attempts): UpstreamError {
  const { outcome, request } = attempts;
  outcome.response?.body.fill(0);
  return callEndedError(request.call.signal, {
    sent: attempts.mayHaveExecuted || mayHaveExecuted(outcome),
  });
}
