/**
 * The rate for a quota that shows itself only by 429: hold a rate that works, probe a little higher
 * now and then, and go back at the first refusal. Pure arithmetic over the times that it is given.
 */
import {
  createLockoutDetector,
  type PastLockout,
  recoveryProbesPerSecond,
  type RefusalCause,
} from "./lockout.ts";
import { createQuotaEstimate, type QuotaEstimate } from "./quota-estimate.ts";
import { leastPerSecond, rateConstants, singleConstants } from "./constants.ts";
import { createRateSearch, isDoubted, type RateEvent } from "./rate-search.ts";
import { phaseOf, type RatePhase } from "./rate-state.ts";
import { createResponseCounter, isSevere } from "./response-counter.ts";
import { type QuotaSettings, toQuotaBounds } from "./settings.ts";
import { continueSlowRestart, type SlowRestart, startSlowRestart } from "./slow-restart.ts";

/** The rate of one instance. Times are milliseconds of the monotonic clock and never go back. */
export interface AdaptiveRate {
  /** Requests per second to apply now, at least 0.5; `Infinity` while the quota is unknown. */
  readonly rate: number;
  /** The rate whose second must not be exceeded: above `rate` during a lockout. */
  readonly quotaRate: number;
  /** The highest rate that has passed a test, in requests per second; below `rate` in a probe. */
  readonly safeRate: number;
  readonly phase: RatePhase;
  /** Nothing is to be sent before this time; in the past, or `-Infinity`, if there is no pause. */
  readonly pausedUntil: number;
  /** Records a response that is not 429. */
  onAccepted(now: number): void;
  /**
   * Records a 429, with its `Retry-After` in milliseconds if it had a usable one. Returns whether
   * it says something about the rate: a refused recovery probe does not, unless the lockout may be
   * no more than the rest of a used-up second.
   */
  onThrottled(now: number, retryAfterMs: number | undefined): boolean;
  /**
   * Records a 503 with a `Retry-After` of more than 0, in milliseconds. It pauses as that of a 429
   * does, and does not lower the rate.
   */
  onUnavailable(now: number, retryAfterMs: number): void;
  /** Why little or nothing is sent: the refusal behind a pause or a lockout, if there is one. */
  refusalCause(now: number): RefusalCause | undefined;
  /**
   * Moves on to `now`; to be called at every event and at most 100 ms apart. Returns whether the
   * rate or the pause has changed since the last call.
   */
  advance(now: number): boolean;
  /** After an outage: starts at a quarter of the rate and grows by a quarter each second. */
  slowRestart(now: number): void;
}

/** Dependencies of an adaptive rate. */
export interface AdaptiveRateDeps {
  /** The present time. */
  readonly now: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

const { margin, decreaseGapMs, leastUse } = rateConstants;
/** Decreases that follow each other more closely have the same cause. */
const sameCauseMs = 2_000;
/** Pause after a refusal that shows that the measurement found too much. */
const doubtPauseMs = 150;
/**
 * For a second after a measurement 80 % of the rate is sent: what the upstream had in store is used
 * up, and with nothing in store two requests that come close together are one too many.
 */
const cautionMs = 1_000;
const cautionFactor = 0.8;

/** Creates the rate of one instance. Throws a RangeError for settings that make no sense. */
export function createAdaptiveRate(
  settings: QuotaSettings,
  { now: createdAt, random }: AdaptiveRateDeps,
): AdaptiveRate {
  const bounds = toQuotaBounds(settings);
  const search = createRateSearch(bounds);
  const responses = createResponseCounter();
  const lockout = createLockoutDetector(random);
  let state = search.initial;
  /** Begin of the present period, and responses in it. */
  let periodStart = createdAt;
  let answers = 0;
  let estimate: QuotaEstimate | undefined;
  let restart: SlowRestart | undefined;
  let cautiousUntil: number | undefined;
  /** Whether there was a 429 since the newest accepted request. */
  let isSuspicious = false;
  /**
   * The newest decrease: when it was, when the next one may follow, and the factor that a lockout
   * still has to apply.
   */
  let decrease = { at: Number.NEGATIVE_INFINITY, nextAt: Number.NEGATIVE_INFINITY, factorLeft: 1 };
  let reportedRate = state.rate;
  let reportedPause = lockout.pausedUntil;

  const sent = (): number =>
    restart === undefined ? state.rate : Math.min(state.rate, restart.limit);
  function applied(): number {
    if (state.kind === "lockout") return Math.min(recoveryProbesPerSecond, state.rate);
    const factor = cautiousUntil === undefined ? 1 : cautionFactor;
    return Math.max(leastPerSecond, sent() * factor);
  }

  function startPeriod(now: number): void {
    periodStart = now;
    answers = 0;
  }
  function dispatch(event: RateEvent, now: number): void {
    state = search.reduce(state, event, now);
    startPeriod(now);
  }

  function refuse(now: number): void {
    const { kind } = state;
    const second = responses.lastSecond(now);
    const isInDoubt = isDoubted(state, second, now);
    const isSameCause = now - decrease.at < sameCauseMs;
    dispatch({ kind: "refused", sent: sent(), second, isSameCause }, now);
    const isFirst = kind === "unlimited";
    const nextAt = now + (isFirst ? singleConstants.firstDecreaseGapMs : decreaseGapMs);
    decrease = { at: now, nextAt, factorLeft: kind === "probing" ? margin : 1 };
    if (isFirst) return;
    restart = undefined;
    cautiousUntil = undefined;
    if (isInDoubt) {
      estimate = createQuotaEstimate(now, "used-up");
      lockout.explain(now + doubtPauseMs, nextAt);
    } else estimate ??= createQuotaEstimate(now, "refusal");
  }

  /** Applies the result of the estimate, if there is one. */
  function conclude(now: number): void {
    const measurement = estimate?.finish(now, state.rate);
    if (measurement === undefined) return;
    estimate = undefined;
    const { usedUpUntil = now } = measurement;
    const isDrop = measurement.usedUpUntil !== undefined || isSevere(measurement);
    if (state.kind !== "measuring" && !isDrop) return;
    dispatch({ kind: "measured", measurement }, now);
    const from = Math.max(now, usedUpUntil);
    const nextAt = from + decreaseGapMs;
    decrease = { at: decrease.at, nextAt, factorLeft: 1 };
    // Late refusals of the old rate would look like another drop.
    responses.startAt(nextAt);
    lockout.explain(from, nextAt);
    cautiousUntil = from + cautionMs;
  }

  function recover(past: PastLockout, now: number): void {
    const factor = decrease.at >= past.startedAt ? decrease.factorLeft : margin;
    dispatch({ kind: "recovered", lockout: past, factor }, now);
    if (state.kind === "measuring") estimate = createQuotaEstimate(now, "refusal");
    else if (past.isOfSecond && !past.isOfNothing && !bounds.isFixed) {
      estimate = createQuotaEstimate(now, "recovery");
    }
  }

  function accept(now: number): void {
    if (estimate !== undefined) conclude(now);
    answers += 1;
    responses.accept(now);
    if (state.kind === "lockout") {
      const past = lockout.acceptProbe(now);
      if (past !== undefined) recover(past, now);
    } else if (isSuspicious) {
      lockout.accept();
      isSuspicious = false;
    }
    estimate?.accept(now);
  }
  function lockOut(now: number): void {
    dispatch({ kind: "lockedOut" }, now);
    estimate = undefined;
  }

  return {
    get rate() {
      return applied();
    },
    get quotaRate() {
      return state.kind === "lockout" && state.rate < Number.POSITIVE_INFINITY
        ? state.rate
        : applied();
    },
    get safeRate() {
      return state.safe;
    },
    get phase() {
      return restart !== undefined && state.kind !== "lockout" ? "slow-start" : phaseOf[state.kind];
    },
    get pausedUntil() {
      return lockout.pausedUntil;
    },
    onAccepted: accept,
    onThrottled(now, retryAfterMs) {
      conclude(now);
      answers += 1;
      isSuspicious = true;
      responses.throttle(now);
      estimate?.throttle(now);
      if (state.kind === "lockout") return lockout.throttleProbe(now, retryAfterMs);
      const mayLower = !bounds.isFixed && state.kind !== "measuring";
      if (mayLower && now >= decrease.nextAt) refuse(now);
      if (lockout.throttle(now, retryAfterMs, applied())) lockOut(now);
      else conclude(now);
      return true;
    },
    onUnavailable(now, retryAfterMs) {
      if (state.kind === "lockout") {
        lockout.suspendProbe(now, retryAfterMs);
        return;
      }
      // It was within the quota.
      accept(now);
      if (lockout.suspend(now, retryAfterMs)) lockOut(now);
      isSuspicious = true;
    },
    refusalCause: (now) =>
      state.kind === "lockout" || now < lockout.pausedUntil ? lockout.cause : undefined,
    advance(now) {
      if (estimate !== undefined) conclude(now);
      if (cautiousUntil !== undefined && now >= cautiousUntil) cautiousUntil = undefined;
      const periodMs = now - periodStart;
      if (restart !== undefined) {
        restart = continueSlowRestart(restart, now, state.rate);
        startPeriod(now);
      } else if (periodMs >= state.periodMs) {
        const isUsed = answers * 1_000 >= leastUse * state.rate * periodMs;
        dispatch({ kind: "periodEnded", isUsed }, now);
      }
      const { pausedUntil } = lockout;
      const rate = applied();
      const isChanged = rate !== reportedRate || pausedUntil !== reportedPause;
      reportedRate = rate;
      reportedPause = pausedUntil;
      return isChanged;
    },
    slowRestart(now) {
      restart = startSlowRestart(now, state.safe);
    },
  };
}
