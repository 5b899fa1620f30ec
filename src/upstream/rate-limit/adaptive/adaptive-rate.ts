/**
 * The rate for a quota that shows itself only by 429: hold a rate that works, probe a little higher
 * now and then, and go back at the first refusal. Pure arithmetic over the times that it is given.
 */
import { createLockoutDetector, type PastLockout, recoveryProbesPerSecond } from "./lockout.ts";
import { createQuotaEstimate, type QuotaEstimate } from "./quota-estimate.ts";
import { leastPerSecond, rateConstants, singleConstants } from "./constants.ts";
import { createRateSearch, isDoubted, type RateEvent } from "./rate-search.ts";
import { type AdaptiveRate, type AdaptiveRateDeps, phaseOf } from "./rate-state.ts";
import { createResponseCounter, createUseMeter, isSevere } from "./response-counter.ts";
import { type QuotaSettings, toQuotaBounds } from "./settings.ts";
import { createStrayRefusals } from "./stray-refusals.ts";
import { continueSlowRestart, type SlowRestart, startSlowRestart } from "./slow-restart.ts";

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
  const strays = createStrayRefusals();
  const use = createUseMeter(createdAt);
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
    if (state.kind === "holding") strays.follow(state.rate < state.top);
    startPeriod(now);
  }

  function refuse(now: number): void {
    const { kind } = state;
    const second = responses.lastSecond(now);
    const isInDoubt = isDoubted(state, second, now);
    const isSameCause = now - decrease.at < sameCauseMs;
    dispatch(
      { kind: "refused", sent: sent(), second, isUsed: use.isUsed(sent()), isSameCause },
      now,
    );
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

  const isStray = (now: number): boolean =>
    state.kind !== "unlimited" &&
    !isSevere(responses.lastSecond(now)) &&
    strays.isStray(now, sent());

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
    if (state.kind === "holding") cautiousUntil = from + cautionMs;
  }

  function recover(past: PastLockout, now: number): void {
    const factor = decrease.at >= past.startedAt ? decrease.factorLeft : margin;
    dispatch({ kind: "recovered", lockout: past, factor, isUsed: use.isUsed(state.rate) }, now);
    if (state.kind === "measuring") estimate = createQuotaEstimate(now, "refusal");
    else if (past.isOfSecond && !past.isOfNothing && !bounds.isFixed) {
      estimate = createQuotaEstimate(now, "recovery");
    }
  }

  function accept(now: number): void {
    if (estimate !== undefined) conclude(now);
    answers += 1;
    responses.accept(now);
    strays.accept();
    if (state.kind !== "lockout") use.answer();
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
      use.answer();
      const mayLower = !bounds.isFixed && state.kind !== "measuring";
      if (mayLower && now >= decrease.nextAt) {
        if (isStray(now)) state = search.reduce(state, { kind: "strayed" }, now);
        else refuse(now);
      }
      if (lockout.throttle(now, retryAfterMs, applied())) lockOut(now);
      else conclude(now);
      strays.pause(now, lockout.pausedUntil);
      // The answers that come in a pause measure nothing.
      if (retryAfterMs !== undefined && estimate?.origin === "refusal" && now < lockout.pausedUntil)
        estimate = createQuotaEstimate(lockout.pausedUntil, "refusal");
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
      use.advance(now, state.kind === "lockout" ? now : pausedUntil);
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
