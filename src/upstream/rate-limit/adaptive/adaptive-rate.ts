/**
 * How fast to send under a quota that answers only with 429: hold a rate that works, probe a little higher now and then,
 * and go back at the first refusal. Pure arithmetic over the times it is given.
 */
import { createResponseCounter } from "./response-counter.ts";
import { createLockout, longestSecondMs, type PastLockout, probesPerSecond } from "./lockout.ts";
import { createRateSearch } from "./rate-search.ts";
import { isSevere, rateFound, searchEnd, searchStart } from "./decrease.ts";
import { createQuotaEstimate } from "./quota-estimate.ts";
import { createEase, createSlowRestart } from "./slow-restart.ts";
import { leastPerSecond, quotaMargin, type QuotaSettings, toQuotaBounds } from "./settings.ts";

/** What the law is doing: searching, keeping, trying a little more, or waiting for a refusing upstream. */
export type RatePhase = "slow-start" | "hold" | "probe" | "blackout";

/** The rate law of one instance. Times are milliseconds of the monotonic clock and must not go backwards. */
export interface AdaptiveRate {
  /** The rate to be applied now, in requests per second; never below 0.5. `Infinity` as long as the quota is unknown. */
  readonly rate: number;
  /** The rate whose second must not be exceeded: above `rate` while a lockout is seen through with a few requests. */
  readonly quotaRate: number;
  /** The highest rate that has stood its test, in requests per second; `rate` differs from it while probing. */
  readonly safeRate: number;
  readonly phase: RatePhase;
  /** Nothing is to be sent before this time; in the past, or `-Infinity`, if there is no pause. */
  readonly pausedUntil: number;
  /** Takes note of an answer that is not 429, whatever else it says. */
  onAccepted(now: number): void;
  /** Takes note of a 429, with the value of its `Retry-After` in milliseconds if it had one that makes sense. */
  onThrottled(now: number, retryAfterMs: number | undefined): void;
  /**
   * Moves the law on; to be called when something happens, and every 100 ms at most. Returns whether the rate or the pause
   * has changed since the last call.
   */
  advance(now: number): boolean;
  /** Starts at a quarter of the rate and grows by a quarter each second: after an outage, everybody comes at once. */
  slowRestart(now: number): void;
}

export interface AdaptiveRateDeps {
  /** The present time. */
  readonly now: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** At least twice the way there and back: the refusals in flight when the rate was cut belong to the same event. */
const cutMs = 300;
/** All that was sent unpaced before the first refusal has been answered by then. */
const unpacedMs = 700;
/** Cuts that follow each other more closely are one event; they do not lengthen the hold. */
const settleMs = 2_000;
/** A probe that leaves more than this untested in between. */
const wideStep = 1.03;
/** What was measured may be too much: a window whose beginning was not seen let through a part of the next as well. */
const doubtMs = 6_000;
const doubtPart = 0.97;
const doubtPauseMs = 150;

/** Creates the law of one instance. Throws a RangeError for settings that make no sense. */
export function createAdaptiveRate(
  settings: QuotaSettings,
  { now: createdAt, random }: AdaptiveRateDeps,
): AdaptiveRate {
  const bounds = toQuotaBounds(settings);
  const search = createRateSearch(bounds, createdAt);
  const responses = createResponseCounter();
  const estimate = createQuotaEstimate();
  const lockout = createLockout(random);
  const slowRestart = createSlowRestart();
  const ease = createEase();
  /** Whether the rate awaits what the estimate finds. */
  let isMeasuring = false;
  /** Whether a probe that went too far may be followed by a smaller one soon. */
  let mayRetry = false;
  /** Until when a refusal shows that the estimate found too much. */
  let doubtedUntil = Number.NEGATIVE_INFINITY;
  /** While the search has just ended: the last rate that it went through unharmed. */
  let passed: number | undefined;
  let cutAt = Number.NEGATIVE_INFINITY;
  /** Whether the newest cut went below the safe rate, not only back to it. */
  let isLowered = false;
  let nextCutAt = Number.NEGATIVE_INFINITY;
  let reportedRate = search.rate;
  let reportedPause = lockout.pausedUntil;

  function applied(): number {
    if (lockout.isOn) return Math.min(probesPerSecond, search.rate);
    return Math.max(leastPerSecond, ease.of(Math.min(search.rate, slowRestart.limit)));
  }

  /** Takes a rate over that may be far too low. */
  function doubt(perSecond: number, now: number): void {
    mayRetry = true;
    search.holdBriefly(perSecond, now);
  }

  function cut(now: number): void {
    // Not what an ease leaves of it: after a drop the rate itself is in question.
    const sent = Math.min(search.rate, slowRestart.limit);
    const second = responses.lastSecond(now);
    const isSameEvent = now - cutAt < settleMs;
    const { phase, safe } = search;
    cutAt = now;
    isLowered = phase !== "probe";
    if (sent === Number.POSITIVE_INFINITY) {
      nextCutAt = now + unpacedMs;
      search.restart(searchStart(second), now, true);
      return;
    }
    nextCutAt = now + cutMs;
    slowRestart.stop();
    ease.stop();
    if (!isSameEvent) passed = undefined;
    if (!estimate.isOn) estimate.start(now, "refusal");
    if (search.isHasty || isSevere(second)) {
      isMeasuring = true;
      search.measure(sent, now);
    } else if (phase === "slow-start") {
      passed = safe;
      doubt(searchEnd(second, safe, sent), now);
    } else if (phase === "probe") {
      if (mayRetry && sent > safe * wideStep) {
        // The quota is somewhere in between.
        mayRetry = false;
        search.holdBriefly(safe, now);
      } else {
        search.probeInterval.lengthen(2);
        search.hold(Math.min(safe, sent), now);
      }
    } else if (now < doubtedUntil) {
      estimate.start(now, "usedUp");
      lockout.explain(now + doubtPauseMs, nextCutAt);
      search.hold(Math.min(safe, sent) * doubtPart, now);
    } else {
      if (!isSameEvent) search.probeInterval.lengthen(1.5);
      search.hold(Math.min(safe, sent) * quotaMargin, now);
    }
  }

  /** Takes over what the estimate has found, if it has. */
  function conclude(now: number): void {
    const finding = estimate.finish(now, search.rate);
    if (finding === undefined) return;
    if (!isMeasuring && finding.usedUpUntil === undefined && !isSevere(finding)) return;
    isMeasuring = false;
    isLowered = true;
    passed = undefined;
    search.probeInterval.reset();
    doubt(rateFound(finding, search.rate), now);
    const from = Math.max(now, finding.usedUpUntil ?? now);
    nextCutAt = from + cutMs;
    // With the refusals of the old rate a straggler among them would look like another drop.
    responses.startAt(nextCutAt);
    doubtedUntil = finding.usedUpUntil === undefined ? now : from + doubtMs;
    lockout.explain(from, nextCutAt);
    ease.start(from);
  }

  function resume({ startedAt, lengthMs, reduction }: PastLockout, now: number): void {
    if (bounds.isFixed) return;
    const isOfSecond = lengthMs <= longestSecondMs;
    if (isOfSecond) estimate.start(now, "light");
    search.probeInterval.allowFor(lengthMs);
    if (search.isHasty && !isOfSecond) {
      // A penalty for the very first refusal: nothing is known yet, and the next one is to be met slowly.
      search.restart(search.safe, now, false);
      return;
    }
    const margin = isLowered && cutAt >= startedAt ? 1 : quotaMargin;
    const perSecond = Math.min(search.safe, passed ?? search.safe) * margin * (1 - reduction);
    if (isOfSecond) doubt(perSecond, now);
    else {
      // The steps of the search are wide: until the first probes have narrowed the quota down, a long hold costs more than
      // another penalty.
      if (passed === undefined) search.probeInterval.lengthenFor(lengthMs);
      search.hold(perSecond, now);
    }
    passed = undefined;
  }

  return {
    get rate() {
      return applied();
    },
    get quotaRate() {
      return lockout.isOn && search.rate < Number.POSITIVE_INFINITY ? search.rate : applied();
    },
    get safeRate() {
      return search.safe;
    },
    get phase() {
      if (lockout.isOn) return "blackout";
      return slowRestart.isOn ? "slow-start" : search.phase;
    },
    get pausedUntil() {
      return lockout.pausedUntil;
    },
    onAccepted(now) {
      conclude(now);
      search.onAnswer();
      responses.accept(now);
      const past = lockout.accept(now);
      if (past !== undefined) resume(past, now);
      estimate.accept(now);
    },
    onThrottled(now, retryAfterMs) {
      conclude(now);
      search.onAnswer();
      responses.throttle(now);
      estimate.throttle(now);
      if (!lockout.isOn && !bounds.isFixed && !isMeasuring && now >= nextCutAt) cut(now);
      lockout.throttle(now, retryAfterMs, applied());
      if (lockout.isOn) {
        estimate.stop();
        isMeasuring = false;
      } else conclude(now);
    },
    advance(now) {
      conclude(now);
      ease.advance(now);
      if (slowRestart.isOn) {
        slowRestart.advance(now, search.rate);
        search.forget(now);
      } else if (!lockout.isOn) search.advance(now);
      const isChanged = applied() !== reportedRate || lockout.pausedUntil !== reportedPause;
      reportedRate = applied();
      reportedPause = lockout.pausedUntil;
      return isChanged;
    },
    slowRestart: (now) => slowRestart.start(now, search.safe),
  };
}
