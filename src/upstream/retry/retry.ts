import type { Clock } from "../../platform/clock.ts";
import { parseRetryAfter } from "../../platform/http-date.ts";
import { sleep } from "../../platform/sleep.ts";
import type {
  IsOwnError,
  Layer,
  Send,
  UpstreamCall,
  UpstreamRequest,
  UpstreamResponse,
} from "../layer.ts";
import { ignoreEvents, type Emit } from "../meter.ts";
import { attempt, callEnded, replaceOutcome, settle } from "./attempts.ts";
import type { Attempts } from "./attempts.ts";
import { backoffMs } from "./backoff.ts";
import type { RetryBudget } from "./retry-budget.ts";
import {
  hasBroken,
  isRejection,
  isRetryableStatus,
  outcomeOf,
  retryKindAfter,
} from "./retry-policy.ts";
import type { AttemptOutcome, RetryKind } from "./retry-policy.ts";

/** Settings and dependencies of the retry layer. */
export interface RetryOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Shared by all instances on one host. */
  readonly budget: RetryBudget;
  /**
   * Whether a layer inside queues requests and reads `isRequeued`. The attempt after a 429 then
   * goes there at once, and is rejected there if the call's deadline is too near. Default `false`:
   * the retry layer waits for `Retry-After`, or for a backoff.
   */
  readonly hasQueue?: boolean | undefined;
  /**
   * Tells a 429 of the upstream, which proves that nothing was executed, from a proxy's. Default:
   * none is the upstream's, so that unsafe requests are not sent again after any.
   */
  readonly isOwnError?: IsOwnError | undefined;
  /** Attempts of one call, the first included, those after a 429 not. Default 3. */
  readonly maxAttempts?: number | undefined;
  /** Gets `retried` before each attempt beyond the first. Must not throw. Default: ignored. */
  readonly emit?: Emit | undefined;
}

/** The most attempts that may follow a 429 of one call. */
const maxRequeues = 2;

/** The least time for an exchange after a wait, in milliseconds. With less, no retry is made. */
const exchangeMs = 50;

/**
 * Creates the layer that retries by the retry class of the RPC: three attempts at most (unless set
 * otherwise), and two more after 429s, within the call's deadline and the host's budget.
 *
 * Settles with the newest response or error of the upstream. If the gateway rejects a retry, the
 * outcome before it is returned. The `sent` of an error tells whether any attempt may have been
 * executed. The bodies of responses that are not returned are zeroed.
 */
export function createRetry(options: RetryOptions): Layer {
  const { clock, random, budget, hasQueue = false, emit = ignoreEvents } = options;
  const isOwnError = options.isOwnError ?? (() => false);
  const maxRetries = (options.maxAttempts ?? 3) - 1;

  /** Waits, or returns `false` at once if too little of the call's time would be left. */
  const waitFor = async (ms: number, { deadline, signal }: UpstreamCall): Promise<boolean> => {
    if (deadline - clock.now() <= ms + exchangeMs) return false;
    if (ms > 0) await sleep(ms, signal, clock);
    return true;
  };

  /** The backoff, or the `Retry-After` of a 429 or 503 if that is longer. */
  const delayMs = ({ outcome, retries }: Attempts): number => {
    const ms = backoffMs(retries, random);
    const { response } = outcome;
    if (response?.status !== 429 && response?.status !== 503) return ms;
    return Math.max(
      ms,
      parseRetryAfter(response.headers["retry-after"] ?? "", clock.wallNow()) ?? 0,
    );
  };

  /** Waits until it is time for the retry; `false` if none is to be made. */
  const wait = async (attempts: Attempts, kind: Exclude<RetryKind, "none">): Promise<boolean> => {
    const { call } = attempts.request;
    if (kind === "requeue") {
      if (attempts.requeues >= maxRequeues) return false;
      attempts.requeues += 1;
      return hasQueue || waitFor(delayMs(attempts), call);
    }
    if (attempts.retries >= maxRetries) return false;
    const ms = kind === "immediate" ? 0 : delayMs(attempts);
    // Checked before the withdrawal too: a retry that has no time must not use the budget.
    if (call.deadline - clock.now() <= ms + exchangeMs) return false;
    // A stale connection says nothing about the load, and a call makes one immediate retry at most.
    if (kind !== "immediate" && !budget.withdraw()) return false;
    attempts.retries += 1;
    return waitFor(ms, call);
  };

  /** The request of an attempt beyond the first. */
  const toRetry = (
    request: UpstreamRequest,
    outcome: AttemptOutcome,
    kind: RetryKind,
  ): UpstreamRequest => {
    if (hasQueue && kind === "requeue") return { ...request, isRequeued: true };
    return hasBroken(outcome) ? { ...request, onNewConnection: true } : request;
  };

  const retry = async (next: Send, attempts: Attempts): Promise<UpstreamResponse> => {
    const { request } = attempts;
    const { call } = request;
    while (!call.signal.aborted) {
      const kind = retryKindAfter(attempts.outcome, call.rpc.retry, attempts.retries);
      if (kind === "none") break;
      const isTime = await wait(attempts, kind);
      if (call.signal.aborted) throw callEnded(attempts);
      if (!isTime) break;
      emit({ kind: "retried", operation: call.rpc.method, retry: kind });
      const newer = await attempt(next, toRetry(request, attempts.outcome, kind), isOwnError);
      if (isRejection(newer)) break;
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
      if (response.status < 400 || !isRetryableStatus(response.status)) {
        budget.deposit();
        return response;
      }
      outcome = outcomeOf(response, isOwnError);
    } catch (error) {
      outcome = { error };
    }
    return retry(next, { request, outcome, retries: 0, requeues: 0, mayHaveExecuted: false });
  };
}
