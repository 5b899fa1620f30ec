import type { Clock } from "../../platform/clock.ts";
import { parseRetryAfter } from "../../platform/http-date.ts";
import { backoffMs } from "./backoff.ts";
import type { Layer, Send, UpstreamCall, UpstreamRequest, UpstreamResponse } from "../layer.ts";
import { callEnded, attempt, settle, replaceOutcome } from "./attempts.ts";
import type { Attempts } from "./attempts.ts";
import type { RetryBudget } from "./retry-budget.ts";
import { hasBroken, isRefusal, isRetryableStatus, retryKindAfter } from "./retry-policy.ts";
import type { AttemptOutcome, RetryKind } from "./retry-policy.ts";
import { sleep } from "../../platform/sleep.ts";

/** What the retry layer works with. */
export interface RetryOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Shared by all that send to one origin. */
  readonly budget: RetryBudget;
  /**
   * Whether a layer inside queues requests and reads `isRequeued`. The attempt after a 429 is then sent there at once, and
   * it is rejected if the call's deadline is too near. Default `false`: `Retry-After`, or a backoff, is waited for.
   */
  readonly hasQueue?: boolean | undefined;
  /** Attempts of one call, the first included and those after 429 not. Default 3. */
  readonly maxAttempts?: number | undefined;
  /** Told of every repeat before it is sent. Must not throw. */
  readonly onRepeat?: ((call: UpstreamCall, repetition: RetryKind) => void) | undefined;
}

/** Further turns after 429 that a call may have. */
const maxRequeues = 2;

/** Less time than this after the wait is too little for an exchange, in milliseconds. */
const exchangeMs = 50;

/**
 * Creates the layer that repeats what failed, by the repeat class of the RPC: at most three attempts (if not set otherwise)
 * and two more turns after 429, within the call's deadline and the origin's budget. Lies outside all that an attempt has to pay for.
 *
 * Settles with the newest answer or error of the upstream; a repeat that the gateway refuses to send leaves the outcome
 * before it standing. The `sent` of an error tells whether any attempt may have been executed. The bodies of answers that
 * are not handed on are zeroed.
 */
export function createRetry(options: RetryOptions): Layer {
  const { clock, random, budget, hasQueue = false, onRepeat } = options;
  const maxRepeats = (options.maxAttempts ?? 3) - 1;

  /** Waits; `false`, at once, if too little of the call's time would be left. */
  const waitFor = async (ms: number, { deadline, signal }: UpstreamCall): Promise<boolean> => {
    if (deadline - clock.now() <= ms + exchangeMs) return false;
    if (ms > 0) await sleep(ms, signal, clock);
    return true;
  };

  /** At least as long as the upstream asks for, where it declined the request. */
  const delayMs = ({ outcome, repeats }: Attempts): number => {
    const ms = backoffMs(repeats, random);
    const { response } = outcome;
    if (response?.status !== 429 && response?.status !== 503) return ms;
    return Math.max(
      ms,
      parseRetryAfter(response.headers["retry-after"] ?? "", clock.wallNow()) ?? 0,
    );
  };

  /** Waits until the quota allows another try; `false` if the call gets none. */
  const requeue = async (attempts: Attempts): Promise<boolean> => {
    if (attempts.requeues >= maxRequeues) return false;
    attempts.requeues += 1;
    return hasQueue || waitFor(delayMs(attempts), attempts.request.call);
  };

  /** Waits until it is time for the repeat; `false` if there will be none. */
  const wait = async (attempts: Attempts, repetition: RetryKind): Promise<boolean> => {
    if (repetition === "none") return false;
    if (repetition === "requeue") return requeue(attempts);
    if (attempts.repeats >= maxRepeats) return false;
    const ms = repetition === "immediate" ? 0 : delayMs(attempts);
    const { call } = attempts.request;
    // Asked twice, lest a repeat be paid for that there is no time for.
    if (call.deadline - clock.now() <= ms + exchangeMs) return false;
    // A connection that had gone stale says nothing about the load, and there is one such repeat per call.
    if (repetition !== "immediate" && !budget.withdraw()) return false;
    attempts.repeats += 1;
    return waitFor(ms, call);
  };

  /** The request of an attempt beyond the first. */
  const toRetry = (
    request: UpstreamRequest,
    outcome: AttemptOutcome,
    repetition: RetryKind,
  ): UpstreamRequest => {
    if (hasQueue && repetition === "requeue") return { ...request, isRequeued: true };
    return hasBroken(outcome) ? { ...request, onNewConnection: true } : request;
  };

  const repeat = async (next: Send, attempts: Attempts): Promise<UpstreamResponse> => {
    const { request } = attempts;
    const { call } = request;
    while (!call.signal.aborted) {
      const repetition = retryKindAfter(attempts.outcome, call.rpc.repeat, attempts.repeats);
      const isTime = await wait(attempts, repetition);
      if (repetition !== "none" && call.signal.aborted) throw callEnded(attempts);
      if (!isTime) break;
      onRepeat?.(call, repetition);
      const newer = await attempt(next, toRetry(request, attempts.outcome, repetition));
      if (isRefusal(newer)) break;
      replaceOutcome(attempts, newer);
    }
    const response = settle(attempts);
    if (!isRetryableStatus(response.status)) budget.deposit();
    return response;
  };

  return (next) => async (request) => {
    let outcome: AttemptOutcome;
    try {
      const response = await next(request);
      if (!isRetryableStatus(response.status)) {
        budget.deposit();
        return response;
      }
      outcome = { response };
    } catch (error) {
      outcome = { error };
    }
    return repeat(next, { request, outcome, repeats: 0, requeues: 0, mayHaveExecuted: false });
  };
}
