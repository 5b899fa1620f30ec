/** The way of a rate while nothing is refused: a search that grows fast, holds, and between holds a little more on trial. */
import { leastUse } from "./decrease.ts";
import { leastPerSecond, type QuotaBounds } from "./settings.ts";

export type SearchPhase = "slow-start" | "hold" | "probe";

export interface RateSearch {
  readonly phase: SearchPhase;
  /** In requests per second. */
  readonly rate: number;
  /** The highest rate that has stood its test. */
  readonly safe: number;
  /** Whether the only refusal so far was the one that ended an unpaced start: the search is in a hurry. */
  readonly isHasty: boolean;
  readonly probeInterval: ProbeInterval;
  /** Keeps that rate, as one that is safe. */
  hold(perSecond: number, now: number): void;
  /** Keeps that rate, which is safe and may be far too low: tries more soon, and in short steps until the next refusal. */
  holdBriefly(perSecond: number, now: number): void;
  /** Keeps that rate, which is known not to be safe, until something better is known. */
  measure(perSecond: number, now: number): void;
  /** Searches from that rate on. */
  restart(perSecond: number, now: number, isHasty: boolean): void;
  /** Takes note of an answer: only a rate that was used has stood its test. */
  onAnswer(): void;
  /** Does not count what was answered so far. */
  forget(now: number): void;
  /** Goes on when it is time to. */
  advance(now: number): void;
}

const slowStartFactor = 1.25;
const slowStartMs = 2_000;
/** After an unpaced start, too little for long costs more than too much for a moment. */
const hastyFactor = 1.7;
const hastyMs = 1_000;
const probeMs = 15_000;
/** Where a rate may be far too low. */
const briefHoldMs = 10_000;
const briefProbeMs = 5_000;
/** After all of these together (a quarter more) have stood, the quota has grown, and the search begins anew. */
const probeSteps = [0.01, 0.02, 0.04, 0.08, 0.08];
/** Fewer answers than these do not test a rate. */
const leastAnswers = 10;

/** Creates the search of a rate within bounds. Times are milliseconds of the monotonic clock. */
export function createRateSearch(bounds: QuotaBounds, createdAt: number): RateSearch {
  const probeInterval = createProbeInterval(bounds.longestHoldMs);
  let phase: SearchPhase = bounds.isSearching ? "slow-start" : "hold";
  let rate = bounds.startPerSecond;
  let safe = rate;
  let isHasty = false;
  let isBrief = false;
  let step = 0;
  let periodStart = createdAt;
  let answers = 0;

  function forget(now: number): void {
    periodStart = now;
    answers = 0;
  }

  function enter(next: SearchPhase, perSecond: number, now: number): void {
    phase = next;
    rate = Math.min(Math.max(perSecond, leastPerSecond), bounds.mostPerSecond);
    forget(now);
  }

  function keep(perSecond: number, now: number): void {
    isHasty = false;
    enter("hold", perSecond, now);
    safe = rate;
  }

  function startProbe(now: number): void {
    enter("probe", safe * (1 + (probeSteps[step] ?? 0)), now);
  }

  /** Judges a period that was used enough, or not, to say something about the rate. */
  function judge(isUsed: boolean, now: number): void {
    if (phase === "hold") {
      if (!isUsed || !probeInterval.isOver(now) || rate >= bounds.mostPerSecond || bounds.isFixed)
        return;
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
        probeInterval.reset();
        enter("slow-start", safe * (isHasty ? hastyFactor : slowStartFactor), now);
      }
    }
  }

  return {
    get phase() {
      return phase;
    },
    get rate() {
      return rate;
    },
    get safe() {
      return safe;
    },
    get isHasty() {
      return isHasty;
    },
    probeInterval,
    hold(perSecond, now) {
      keep(perSecond, now);
      isBrief = false;
      probeInterval.start(now);
    },
    holdBriefly(perSecond, now) {
      keep(perSecond, now);
      isBrief = true;
      probeInterval.start(now, briefHoldMs);
    },
    measure(perSecond, now) {
      isHasty = false;
      isBrief = false;
      enter("hold", perSecond, now);
      probeInterval.reset();
      probeInterval.start(now);
    },
    restart(perSecond, now, hasty) {
      isHasty = hasty;
      enter("slow-start", perSecond, now);
      safe = rate;
    },
    onAnswer() {
      answers += 1;
    },
    forget,
    advance(now) {
      const searchMs = isHasty ? hastyMs : slowStartMs;
      const testMs = isBrief ? briefProbeMs : probeMs;
      const leastMs = phase === "probe" ? testMs : searchMs;
      const periodMs = now - periodStart;
      if (periodMs < Math.max(leastMs, (leastAnswers * 1000) / rate)) return;
      const isUsed = answers * 1000 >= leastUse * rate * periodMs;
      forget(now);
      judge(isUsed, now);
    },
  };
}

/** How long a rate that works is kept before a little more is tried. */
export interface ProbeInterval {
  isOver(now: number): boolean;
  /** Begins one, of so many milliseconds at most. */
  start(now: number, mostMs?: number): void;
  /** Lets the next holds last as long as the first. */
  reset(): void;
  /** Lets the next holds last longer, up to the longest. */
  lengthen(factor: number): void;
  /** Lets holds become as long as a penalty of that length demands. */
  allowFor(penaltyMs: number): void;
  /** Lets the next hold last at least as long as a penalty of that length demands. */
  lengthenFor(penaltyMs: number): void;
}

const firstIntervalMs = 20_000;
/** A penalty costs its length each time a probe provokes it: this keeps the loss at one percent. */
const holdPerPenalty = 100;

/** Creates a hold that is over. Times are milliseconds of the monotonic clock. */
export function createProbeInterval(longest: number): ProbeInterval {
  let holdMs = firstIntervalMs;
  let longestMs = longest;
  let until = Number.NEGATIVE_INFINITY;

  return {
    isOver: (now) => now >= until,
    start(now, mostMs = Number.POSITIVE_INFINITY) {
      until = now + Math.min(holdMs, mostMs);
    },
    reset() {
      holdMs = firstIntervalMs;
    },
    lengthen(factor) {
      holdMs = Math.min(holdMs * factor, longestMs);
    },
    allowFor(penaltyMs) {
      longestMs = Math.max(longestMs, penaltyMs * holdPerPenalty);
    },
    lengthenFor(penaltyMs) {
      holdMs = Math.max(holdMs, penaltyMs * holdPerPenalty);
    },
  };
}
