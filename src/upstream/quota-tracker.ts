/**
 * How fast to send under a quota that answers only with 429: hold a rate that works, probe a little higher now and then,
 * and go back at the first refusal. Pure arithmetic over the times it is given.
 */
import { createAnswerTally } from "./quota-tracker-tally.ts";
import { createBlackout, type PastBlackout, pokesPerSecond } from "./quota-tracker-blackout.ts";
import { createRamp } from "./quota-tracker-ramp.ts";
import {
  leastPerSecond,
  quotaMargin,
  type QuotaSettings,
  toQuotaBounds,
} from "./quota-tracker-settings.ts";

/** What the law is doing: searching, keeping, trying a little more, or waiting for a refusing upstream. */
export type QuotaPhase = "slow-start" | "hold" | "probe" | "blackout";

/** The rate law of one instance. Times are milliseconds of the monotonic clock and must not go backwards. */
export interface QuotaTracker {
  /** The rate to be applied now, in requests per second; never below 0.5. `Infinity` as long as the quota is unknown. */
  readonly rate: number;
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

const slowStartFactor = 1.25;
const slowStartMs = 2_000;
/** After an unpaced start, too little for long costs more than too much for a moment. */
const hastyFactor = 2;
const hastyMs = 1_000;
const firstHoldMs = 20_000;
const probeMs = 15_000;
/** After all of these together (a quarter more) have stood, the quota has grown, and the search begins anew. */
const probeSteps = [0.01, 0.02, 0.04, 0.08, 0.08];
/** At least twice the way there and back: the refusals in flight when the rate was cut belong to the same event. */
const cutMs = 300;
/** As long as the last second still holds a good part of what was accepted before the drop, it says too much. */
const severeCutMs = 700;
/** Cuts that follow each other more closely are one event; they do not prolong the hold. */
const settleMs = 2_000;
/** A rate that is used less than this says nothing about the quota. */
const leastUse = 0.8;
/** A refusal of the very first requests says little; fewer than these would take minutes to grow from. */
const leastFoundPerSecond = 5;
/** A penalty costs its length each time a probe provokes it: this keeps the loss at one percent. */
const holdPerPenalty = 100;

/** Creates the law of one instance. Throws a RangeError for settings that make no sense. */
export function createQuotaTracker(
  settings: QuotaSettings,
  { now: createdAt, random }: QuotaTrackerDeps,
): QuotaTracker {
  const bounds = toQuotaBounds(settings);
  const tally = createAnswerTally();
  const blackout = createBlackout(random);
  const ramp = createRamp();
  let phase: "slow-start" | "hold" | "probe" = bounds.isSearching ? "slow-start" : "hold";
  let rate = bounds.startPerSecond;
  let safe = rate;
  /** Whether the only refusal so far was the one that ended an unpaced start. */
  let isHasty = false;
  let step = 0;
  let holdMs = firstHoldMs;
  let longestHoldMs = bounds.longestHoldMs;
  let heldUntil = createdAt;
  let periodStart = createdAt;
  let answers = 0;
  /** While the search has just ended: the last rate that it went through unharmed. */
  let passed: number | undefined;
  let cutAt = Number.NEGATIVE_INFINITY;
  /** Whether the newest cut went below the safe rate, not only back to it. */
  let isLowered = false;
  let nextCutAt = Number.NEGATIVE_INFINITY;
  let reportedRate = rate;
  let reportedPause = blackout.pausedUntil;

  const clamp = (perSecond: number): number =>
    Math.min(Math.max(perSecond, leastPerSecond), bounds.mostPerSecond);

  function applied(): number {
    if (blackout.isOn) return Math.min(pokesPerSecond, rate);
    return Math.min(rate, ramp.limit);
  }

  function enter(next: typeof phase, perSecond: number, now: number): void {
    phase = next;
    rate = clamp(perSecond);
    periodStart = now;
    answers = 0;
  }

  function hold(perSecond: number, now: number): void {
    enter("hold", perSecond, now);
    safe = rate;
    heldUntil = now + holdMs;
  }

  const prolongHold = (factor: number): void => {
    holdMs = Math.min(holdMs * factor, longestHoldMs);
  };

  /** The first refusal after all went unpaced: what the last second took is where the search begins. */
  function beginSearch(accepted: number, now: number): void {
    cutAt = now;
    nextCutAt = now + severeCutMs;
    isLowered = true;
    isHasty = true;
    enter("slow-start", Math.max(accepted, leastFoundPerSecond) * quotaMargin, now);
    safe = rate;
  }

  function cut(now: number): void {
    const sent = applied();
    const { accepted, throttled } = tally.lastSecond(now);
    if (sent === Number.POSITIVE_INFINITY) {
      beginSearch(accepted, now);
      return;
    }
    const isSameEvent = now - cutAt < settleMs;
    isHasty = false;
    cutAt = now;
    nextCutAt = now + cutMs;
    ramp.stop();
    isLowered = phase !== "probe";
    if (!isSameEvent) passed = undefined;
    if (throttled >= 3 && throttled > 0.05 * (accepted + throttled)) {
      nextCutAt = now + severeCutMs;
      holdMs = firstHoldMs;
      // What was accepted is the quota only if enough was sent to fill it; else it is but a lower bound.
      const isFilled = accepted + throttled >= leastUse * sent;
      hold(Math.min(sent, isFilled ? accepted : Math.max(accepted, sent / 2)) * quotaMargin, now);
    } else if (phase === "slow-start") {
      passed = safe;
      hold(Math.min(Math.max(accepted * quotaMargin, safe), sent * quotaMargin), now);
    } else if (phase === "probe") {
      prolongHold(2);
      hold(Math.min(safe, sent), now);
    } else {
      if (!isSameEvent) prolongHold(1.5);
      hold(Math.min(safe, sent) * quotaMargin, now);
    }
  }

  function resume({ startedAt, lengthMs, reduction }: PastBlackout, now: number): void {
    if (bounds.isFixed) return;
    longestHoldMs = Math.max(longestHoldMs, lengthMs * holdPerPenalty);
    // The steps of the search are wide: until the first probes have narrowed the quota down, a long hold costs more than
    // another penalty.
    if (passed === undefined) holdMs = Math.max(holdMs, lengthMs * holdPerPenalty);
    const margin = isLowered && cutAt >= startedAt ? 1 : quotaMargin;
    hold(Math.min(safe, passed ?? safe) * margin * (1 - reduction), now);
    passed = undefined;
  }

  function startProbe(now: number): void {
    enter("probe", safe * (1 + (probeSteps[step] ?? 0)), now);
  }

  /** Judges a period that was used enough to say something about the rate. */
  function judge(isUsed: boolean, now: number): void {
    if (phase === "hold") {
      if (!isUsed || now < heldUntil || rate >= bounds.mostPerSecond || bounds.isFixed) return;
      step = 0;
      startProbe(now);
    } else if (!isUsed) {
      // A step that was not tested proves nothing; without demand there is no hurry either.
      if (phase === "probe") enter("hold", safe, now);
    } else {
      safe = rate;
      step += 1;
      if (safe >= bounds.mostPerSecond) enter("hold", safe, now);
      else if (phase === "probe" && step < probeSteps.length) startProbe(now);
      else {
        holdMs = firstHoldMs;
        enter("slow-start", safe * (isHasty ? hastyFactor : slowStartFactor), now);
      }
    }
  }

  function endPeriod(now: number): void {
    const searchMs = isHasty ? hastyMs : slowStartMs;
    const leastMs = phase === "probe" ? probeMs : searchMs;
    const periodMs = now - periodStart;
    if (periodMs < Math.max(leastMs, 10_000 / rate)) return;
    const isUsed = answers * 1000 >= leastUse * rate * periodMs;
    periodStart = now;
    answers = 0;
    judge(isUsed, now);
  }

  return {
    get rate() {
      return applied();
    },
    get safeRate() {
      return safe;
    },
    get phase() {
      if (blackout.isOn) return "blackout";
      return ramp.isOn ? "slow-start" : phase;
    },
    get pausedUntil() {
      return blackout.pausedUntil;
    },
    onAccepted(now) {
      answers += 1;
      tally.accept(now);
      const past = blackout.accept(now);
      if (past !== undefined) resume(past, now);
    },
    onThrottled(now, retryAfterMs) {
      answers += 1;
      tally.throttle(now);
      if (!blackout.isOn && !bounds.isFixed && now >= nextCutAt) cut(now);
      blackout.throttle(now, retryAfterMs, applied());
    },
    advance(now) {
      if (ramp.isOn) {
        ramp.advance(now, rate);
        periodStart = now;
        answers = 0;
      } else if (!blackout.isOn) endPeriod(now);
      const isChanged = applied() !== reportedRate || blackout.pausedUntil !== reportedPause;
      reportedRate = applied();
      reportedPause = blackout.pausedUntil;
      return isChanged;
    },
    ramp: (now) => ramp.start(now, safe),
  };
}
