/** The states in which requests are sent: how each follows from a rate within bounds. */
import { leastPerSecond, rateConstants } from "./constants.ts";
import type { ActiveState, Growth, Holding, Knowledge } from "./rate-state.ts";
import type { QuotaBounds } from "./settings.ts";

const never = Number.POSITIVE_INFINITY;
/** Growth of a search. */
export const steady: Growth = {
  factor: rateConstants.searchFactor,
  periodMs: rateConstants.searchMs,
};
/** After a start without a limit, too little for long costs more than too much for a moment. */
export const hasty: Growth = { factor: rateConstants.regainFactor, periodMs: 1_000 };
/** Longest interval to the first probe, and length of its steps, where a rate may be too low. */
const untestedIntervalMs = 10_000;
const untestedProbeMs = 5_000;
/** Fewer answers than these do not test a rate, nor measure one. */
export const leastAnswers = 10;
/** The same of a fast search, and of a rate that few answers have shown. */
const leastHastyAnswers = 5;
const leastWeakAnswers = 2;
/**
 * A rate that few answers have shown is kept for this time at first, and for twice the time
 * whenever it is found again.
 */
const leastWeakWaitMs = 1_000;
/** A fast search grows by one per second at least: of 1.4 per second only 1 would be used. */
export const grown = (rate: number, growth: Growth): number =>
  Math.max(rate * growth.factor, growth === hasty ? rate + 1 : 0);

/** Builds states. Rates outside the bounds are moved to the nearest bound. */
export interface ActiveStates {
  /** Lets a rate grow. */
  readonly search: (perSecond: number, growth: Growth, known: Knowledge) => ActiveState;
  /** Keeps a rate until the next probe. */
  readonly hold: (perSecond: number, now: number, known: Knowledge) => Holding;
  /** Holds a rate that may be far too low: the next probe comes sooner, in shorter steps. */
  readonly holdUntested: (perSecond: number, now: number, known: Knowledge) => Holding;
  /** Holds a rate that few answers have shown, until a fast search. */
  readonly holdWeak: (perSecond: number, now: number, known: Knowledge) => Holding;
  /** Holds a rate after refusals that proved nothing, until it is used. `top`: the rate before. */
  readonly holdBelow: (perSecond: number, top: number, now: number, known: Knowledge) => Holding;
  /** Goes back towards the rate before such refusals. */
  readonly regain: (held: Holding, now: number) => Holding;
  readonly probe: (held: Holding, step: number) => ActiveState;
  /** Keeps the rate, but not below the least, until what is accepted is counted. */
  readonly measure: (perSecond: number, before: ActiveState, known: Knowledge) => ActiveState;
  /** The time for which a working rate is kept. */
  readonly interval: ProbeInterval;
}

/** The probe interval. Times are milliseconds. */
export interface ProbeInterval {
  /** Sets the first interval again. */
  reset(): void;
  /** Forgets how often a rate was found that few answers have shown. */
  resetWeak(): void;
  lengthen(factor: number): void;
  /** Makes it at least that long. */
  extend(ms: number): void;
  /** Lets it grow to that time. */
  allow(ms: number): void;
}

/** Creates the states of one rate. Times are milliseconds of the monotonic clock. */
export function createActiveStates({ mostPerSecond, longestHoldMs }: QuotaBounds): ActiveStates {
  const firstMs: number = rateConstants.firstProbeIntervalMs;
  let intervalMs = firstMs;
  let longestIntervalMs = longestHoldMs;
  let weakWaitMs = 0;

  const ratesOf = (perSecond: number, leastMs: number) => {
    const rate = Math.min(Math.max(perSecond, leastPerSecond), mostPerSecond);
    return { rate, safe: rate, periodMs: Math.max(leastMs, (leastAnswers * 1_000) / rate) };
  };
  const search = (perSecond: number, growth: Growth, known: Knowledge): ActiveState => {
    const rates = ratesOf(perSecond, growth.periodMs);
    const leastMs = growth === hasty ? (leastHastyAnswers * 1_000) / rates.rate : rates.periodMs;
    const periodMs = Math.max(growth.periodMs, leastMs);
    return { kind: "searching", ...rates, periodMs, known, growth };
  };
  function hold(perSecond: number, now: number, known: Knowledge, waitMs = intervalMs): Holding {
    const rates = ratesOf(perSecond, steady.periodMs);
    const probeAt = rates.rate < mostPerSecond ? now + waitMs : never;
    const past = { top: rates.rate, regains: false, isWeak: false };
    return { kind: "holding", ...rates, known, ...past, probeAt, probeMs: rateConstants.probeMs };
  }
  function holdWeak(perSecond: number, now: number, known: Knowledge): Holding {
    const probeAt = now + weakWaitMs;
    weakWaitMs = Math.min(Math.max(leastWeakWaitMs, 2 * weakWaitMs), longestIntervalMs);
    const held = hold(perSecond, now, known);
    const periodMs = Math.max(hasty.periodMs, (leastWeakAnswers * 1_000) / held.rate);
    return { ...held, periodMs, isWeak: true, probeAt };
  }
  function regain(held: Holding, now: number): Holding {
    const { top, known } = held;
    const { isWeak, probeAt } = held;
    const higher = holdBelow(Math.min(held.rate * hasty.factor, top), top, now, known);
    return isWeak ? { ...higher, isWeak, probeAt } : higher;
  }
  function holdBelow(perSecond: number, top: number, now: number, known: Knowledge): Holding {
    const held = holdUntested(perSecond, now, known);
    const periodMs = Math.max(hasty.periodMs, (leastHastyAnswers * 1_000) / held.rate);
    return { ...held, top, regains: held.rate < top, periodMs };
  }
  function holdUntested(perSecond: number, now: number, known: Knowledge): Holding {
    const waitMs = Math.min(intervalMs, untestedIntervalMs);
    return { ...hold(perSecond, now, known, waitMs), probeMs: untestedProbeMs };
  }
  function probe(held: Holding, step: number): ActiveState {
    const { known, safe } = held;
    const rates = ratesOf(safe * (1 + (rateConstants.probeSteps[step] ?? 0)), held.probeMs);
    return { kind: "probing", ...rates, safe, known, step, held };
  }

  return {
    search,
    hold: (perSecond, now, known) => hold(perSecond, now, known),
    holdUntested,
    holdWeak,
    holdBelow,
    regain,
    probe,
    measure(perSecond, before, known) {
      const { rate } = ratesOf(perSecond, 0);
      return { kind: "measuring", rate, safe: before.safe, known, periodMs: never, before };
    },
    interval: {
      reset() {
        intervalMs = firstMs;
      },
      resetWeak() {
        weakWaitMs = 0;
      },
      lengthen(factor) {
        intervalMs = Math.min(intervalMs * factor, longestIntervalMs);
      },
      extend(ms) {
        intervalMs = Math.max(intervalMs, ms);
      },
      allow(ms) {
        longestIntervalMs = Math.max(longestIntervalMs, ms);
      },
    },
  };
}
