/**
 * How fast to send under a quota that answers only with 429: hold a rate that works, probe a little higher now and then,
 * and go back at the first refusal. Pure arithmetic over the times it is given.
 */
import { createAnswerTally } from "./response-counter.ts";
import { createBlackout, longestSecondMs, type PastBlackout, pokesPerSecond } from "./lockout.ts";
import { createCourse } from "./rate-search.ts";
import { isSevere, rateFound, searchEnd, searchStart } from "./decrease.ts";
import { createEase } from "./_quota-tracker-ease.ts";
import { createGauge } from "./quota-estimate.ts";
import { createRamp } from "./slow-restart.ts";
import { leastPerSecond, quotaMargin, type QuotaSettings, toQuotaBounds } from "./settings.ts";

/** What the law is doing: searching, keeping, trying a little more, or waiting for a refusing upstream. */
export type QuotaPhase = "slow-start" | "hold" | "probe" | "blackout";

/** The rate law of one instance. Times are milliseconds of the monotonic clock and must not go backwards. */
export interface QuotaTracker {
  /** The rate to be applied now, in requests per second; never below 0.5. `Infinity` as long as the quota is unknown. */
  readonly rate: number;
  /** The rate whose second must not be exceeded: above `rate` while a blackout is seen through with a few requests. */
  readonly quotaRate: number;
  /** The highest rate that has stood its test, in requests per second; `rate` differs from it while probing. */
  readonly safeRate: number;
  readonly phase: QuotaPhase;
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
  ramp(now: number): void;
}

export interface QuotaTrackerDeps {
  /** The present time. */
  readonly now: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** At least twice the way there and back: the refusals in flight when the rate was cut belong to the same event. */
const cutMs = 300;
/** All that was sent unpaced before the first refusal has been answered by then. */
const unpacedMs = 700;
/** Cuts that follow each other more closely are one event; they do not prolong the hold. */
const settleMs = 2_000;
/** A probe that leaves more than this untested in between. */
const wideStep = 1.03;
/** What was measured may be too much: a window whose beginning was not seen let through a part of the next as well. */
const doubtMs = 6_000;
const doubtPart = 0.97;
const doubtPauseMs = 150;

/** Creates the law of one instance. Throws a RangeError for settings that make no sense. */
export function createQuotaTracker(
  settings: QuotaSettings,
  { now: createdAt, random }: QuotaTrackerDeps,
): QuotaTracker {
  const bounds = toQuotaBounds(settings);
  const course = createCourse(bounds, createdAt);
  const tally = createAnswerTally();
  const gauge = createGauge();
  const blackout = createBlackout(random);
  const ramp = createRamp();
  const ease = createEase();
  /** Whether the rate awaits what the gauge finds. */
  let isGauging = false;
  /** Whether a probe that went too far may be followed by a smaller one soon. */
  let mayRetry = false;
  /** Until when a refusal shows that the gauge found too much. */
  let doubtedUntil = Number.NEGATIVE_INFINITY;
  /** While the search has just ended: the last rate that it went through unharmed. */
  let passed: number | undefined;
  let cutAt = Number.NEGATIVE_INFINITY;
  /** Whether the newest cut went below the safe rate, not only back to it. */
  let isLowered = false;
  let nextCutAt = Number.NEGATIVE_INFINITY;
  let reportedRate = course.rate;
  let reportedPause = blackout.pausedUntil;

  function applied(): number {
    if (blackout.isOn) return Math.min(pokesPerSecond, course.rate);
    return Math.max(leastPerSecond, ease.of(Math.min(course.rate, ramp.limit)));
  }

  /** Takes a rate over that may be far too low. */
  function doubt(perSecond: number, now: number): void {
    mayRetry = true;
    course.holdBriefly(perSecond, now);
  }

  function cut(now: number): void {
    // Not what an ease leaves of it: after a drop the rate itself is in question.
    const sent = Math.min(course.rate, ramp.limit);
    const second = tally.lastSecond(now);
    const isSameEvent = now - cutAt < settleMs;
    const { phase, safe } = course;
    cutAt = now;
    isLowered = phase !== "probe";
    if (sent === Number.POSITIVE_INFINITY) {
      nextCutAt = now + unpacedMs;
      course.search(searchStart(second), now, true);
      return;
    }
    nextCutAt = now + cutMs;
    ramp.stop();
    ease.stop();
    if (!isSameEvent) passed = undefined;
    if (!gauge.isOn) gauge.start(now, "refusal");
    if (course.isHasty || isSevere(second)) {
      isGauging = true;
      course.sustain(sent, now);
    } else if (phase === "slow-start") {
      passed = safe;
      doubt(searchEnd(second, safe, sent), now);
    } else if (phase === "probe") {
      if (mayRetry && sent > safe * wideStep) {
        // The quota is somewhere in between.
        mayRetry = false;
        course.holdBriefly(safe, now);
      } else {
        course.holding.prolong(2);
        course.hold(Math.min(safe, sent), now);
      }
    } else if (now < doubtedUntil) {
      gauge.start(now, "usedUp");
      blackout.explain(now + doubtPauseMs, nextCutAt);
      course.hold(Math.min(safe, sent) * doubtPart, now);
    } else {
      if (!isSameEvent) course.holding.prolong(1.5);
      course.hold(Math.min(safe, sent) * quotaMargin, now);
    }
  }

  /** Takes over what the gauge has found, if it has. */
  function conclude(now: number): void {
    const finding = gauge.finish(now, course.rate);
    if (finding === undefined) return;
    if (!isGauging && finding.usedUpUntil === undefined && !isSevere(finding)) return;
    isGauging = false;
    isLowered = true;
    passed = undefined;
    course.holding.reset();
    doubt(rateFound(finding, course.rate), now);
    const from = Math.max(now, finding.usedUpUntil ?? now);
    nextCutAt = from + cutMs;
    // With the refusals of the old rate a straggler among them would look like another drop.
    tally.startAt(nextCutAt);
    doubtedUntil = finding.usedUpUntil === undefined ? now : from + doubtMs;
    blackout.explain(from, nextCutAt);
    ease.start(from);
  }

  function resume({ startedAt, lengthMs, reduction }: PastBlackout, now: number): void {
    if (bounds.isFixed) return;
    const isOfSecond = lengthMs <= longestSecondMs;
    if (isOfSecond) gauge.start(now, "light");
    course.holding.allowFor(lengthMs);
    if (course.isHasty && !isOfSecond) {
      // A penalty for the very first refusal: nothing is known yet, and the next one is to be met slowly.
      course.search(course.safe, now, false);
      return;
    }
    const margin = isLowered && cutAt >= startedAt ? 1 : quotaMargin;
    const perSecond = Math.min(course.safe, passed ?? course.safe) * margin * (1 - reduction);
    if (isOfSecond) doubt(perSecond, now);
    else {
      // The steps of the search are wide: until the first probes have narrowed the quota down, a long hold costs more than
      // another penalty.
      if (passed === undefined) course.holding.prolongFor(lengthMs);
      course.hold(perSecond, now);
    }
    passed = undefined;
  }

  return {
    get rate() {
      return applied();
    },
    get quotaRate() {
      return blackout.isOn && course.rate < Number.POSITIVE_INFINITY ? course.rate : applied();
    },
    get safeRate() {
      return course.safe;
    },
    get phase() {
      if (blackout.isOn) return "blackout";
      return ramp.isOn ? "slow-start" : course.phase;
    },
    get pausedUntil() {
      return blackout.pausedUntil;
    },
    onAccepted(now) {
      conclude(now);
      course.onAnswer();
      tally.accept(now);
      const past = blackout.accept(now);
      if (past !== undefined) resume(past, now);
      gauge.accept(now);
    },
    onThrottled(now, retryAfterMs) {
      conclude(now);
      course.onAnswer();
      tally.throttle(now);
      gauge.throttle(now);
      if (!blackout.isOn && !bounds.isFixed && !isGauging && now >= nextCutAt) cut(now);
      blackout.throttle(now, retryAfterMs, applied());
      if (blackout.isOn) {
        gauge.stop();
        isGauging = false;
      } else conclude(now);
    },
    advance(now) {
      conclude(now);
      ease.advance(now);
      if (ramp.isOn) {
        ramp.advance(now, course.rate);
        course.forget(now);
      } else if (!blackout.isOn) course.advance(now);
      const isChanged = applied() !== reportedRate || blackout.pausedUntil !== reportedPause;
      reportedRate = applied();
      reportedPause = blackout.pausedUntil;
      return isChanged;
    },
    ramp: (now) => ramp.start(now, course.safe),
  };
}
