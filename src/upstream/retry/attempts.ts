import { UpstreamError } from "../error.ts";
import { callEndedError } from "../error.ts";
import type { Send, UpstreamRequest, UpstreamResponse } from "../layer.ts";
import { mayHaveExecuted } from "./retry-policy.ts";
import type { AttemptOutcome } from "./retry-policy.ts";

/** The newest outcome of a request, and what its attempts add up to. */
export interface Attempts {
  readonly request: UpstreamRequest;
  outcome: AttemptOutcome;
  /** Attempts beyond the first, those after 429 not counted. */
  repeats: number;
  /** Attempts after 429. */
  requeues: number;
  /** Whether an attempt before the newest may have been executed. */
  mayHaveExecuted: boolean;
}

/** Makes one attempt. Never rejects. */
export async function attempt(next: Send, request: UpstreamRequest): Promise<AttemptOutcome> {
  try {
    return { response: await next(request) };
  } catch (error) {
    return { error };
  }
}

/** Replaces the outcome by that of another attempt. Nobody will read the body of the answer that is replaced. */
export function replaceOutcome(attempts: Attempts, newer: AttemptOutcome): void {
  const { outcome, request } = attempts;
  if (mayHaveExecuted(outcome)) {
    attempts.mayHaveExecuted = true;
    if (request.call.rpc.repeat !== "safe") {
      request.call.attemptLog.mayHaveBeenExecuted = true;
    }
  }
  outcome.response?.body.fill(0);
  attempts.outcome = newer;
}

/** Answers with the newest outcome. An error tells of all attempts whether any may have been executed. */
export function settle({ outcome, mayHaveExecuted: mayHave }: Attempts): UpstreamResponse {
  const { response, error } = outcome;
  if (response !== undefined) return response;
  if (!mayHave || !(error instanceof UpstreamError) || error.sent) throw error;
  const { code, message, retryAfterMs, minimumMs } = error;
  throw new UpstreamError(code, message, { sent: true, retryAfterMs, minimumMs, cause: error });
}

/** The call ended between two attempts. */
export function callEnded(attempts: Attempts): UpstreamError {
  const { outcome, request } = attempts;
  outcome.response?.body.fill(0);
  return callEndedError(request.call.signal, {
    sent: attempts.mayHaveExecuted || mayHaveExecuted(outcome),
  });
}
