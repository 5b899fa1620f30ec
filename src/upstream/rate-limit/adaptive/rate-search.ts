/** The way of a rate while nothing is refused: a search that grows fast, holds, and between holds a little more on trial. */
import { leastUse } from "./decrease.ts";
import { createHold, type Hold } from "./_quota-tracker-hold.ts";
import { leastPerSecond, type QuotaBounds } from "./settings.ts";

export type CoursePhase = "slow-start" | "hold" | "probe";

export interface Course {
  readonly phase: CoursePhase;
  /** In requests per second. */
  readonly rate: number;
  /** The highest rate that has stood its test. */
  readonly safe: number;
  /** Whether the only refusal so far was the one that ended an unpaced start: the search is in a hurry. */
  readonly isHasty: boolean;
  readonly holding: Hold;
  /** Keeps that rate, as one that is safe. */
  hold(perSecond: number, now: number): void;
  /** Keeps that rate, which is safe and may be far too low: tries more soon, and in short steps until the next refusal. */
  holdBriefly(perSecond: number, now: number): void;
  /** Keeps that rate, which is known not to be safe, until something better is known. */
  sustain(perSecond: number, now: number): void;
  /** Searches from that rate on. */
  search(perSecond: number, now: number, isHasty: boolean): void;
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

/** Creates the course of a rate within bounds. Times are milliseconds of the monotonic clock. */
export function createCourse(bounds: QuotaBounds, createdAt: number): Course {
  const holding = createHold(bounds.longestHoldMs);
  let phase: CoursePhase = bounds.isSearching ? "slow-start" : "hold";
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

  function enter(next: CoursePhase, perSecond: number, now: number): void {
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
      if (!isUsed || !holding.isOver(now) || rate >= bounds.mostPerSecond || bounds.isFixed) return;
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
        holding.reset();
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
    holding,
    hold(perSecond, now) {
      keep(perSecond, now);
      isBrief = false;
      holding.start(now);
    },
    holdBriefly(perSecond, now) {
      keep(perSecond, now);
      isBrief = true;
      holding.start(now, briefHoldMs);
    },
    sustain(perSecond, now) {
      isHasty = false;
      isBrief = false;
      enter("hold", perSecond, now);
      holding.reset();
      holding.start(now);
    },
    search(perSecond, now, hasty) {
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
