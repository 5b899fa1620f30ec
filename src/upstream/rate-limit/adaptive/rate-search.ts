/** The transitions of the rate law: which state follows a state and an event. */
import type { PastLockout } from "./lockout.ts";
import { type Measurement, rateOf } from "./quota-estimate.ts";
import { leastPerSecond, rateConstants, singleConstants } from "./constants.ts";
import type { ActiveState, Growth, Holding, Knowledge, RateState } from "./rate-state.ts";
import { isSevere, type LastSecond } from "./response-counter.ts";
import type { QuotaBounds } from "./settings.ts";

/** Events that change the state. */
export type RateEvent =
  | Refused
  /** The period of the state is over. `isUsed`: enough was answered to test the rate. */
  | { readonly kind: "periodEnded"; readonly isUsed: boolean }
  | { readonly kind: "measured"; readonly measurement: Measurement }
  | { readonly kind: "lockedOut" }
  | Recovered;

/** A 429 that is not part of the newest decrease. */
interface Refused {
  readonly kind: "refused";
  /** Requests per second that were let through; a slow restart keeps them below the rate. */
  readonly sent: number;
  readonly second: LastSecond;
  /** Whether the newest decrease is so recent that both have the same cause. */
  readonly isSameCause: boolean;
}

interface Recovered {
  readonly kind: "recovered";
  readonly lockout: PastLockout;
  /** 1 if the lockout has lowered the safe rate already, else the margin. */
  readonly factor: number;
}

const { margin, probeSteps } = rateConstants;
const never = Number.POSITIVE_INFINITY;
const steady: Growth = { factor: rateConstants.searchFactor, periodMs: rateConstants.searchMs };
/** After a start without a limit, too little for long costs more than too much for a moment. */
const hasty: Growth = { factor: 1.7, periodMs: 1_000 };
/** Longest interval to the first probe, and length of its steps, where a rate may be too low. */
const untestedIntervalMs = 10_000;
const untestedProbeMs = 5_000;
/** Fewer answers than these do not test a rate. */
const leastAnswers = 10;
/** A refused probe that was wider than this leaves a range for smaller steps. */
const wideStep = 1.03;
/**
 * A measurement may find too much: a window whose beginning was not seen lets through a part of
 * the next window as well. A refusal within this time lowers the rate by `doubtFactor`.
 */
const doubtMs = 6_000;
const doubtFactor = 0.97;
/** A probe that provokes a penalty costs its length: this interval keeps the loss at 1 %. */
const intervalPerPenalty = 100;

/** Whether a refusal in this state means that the measurement found too much. */
export const isDoubted = (state: RateState, second: LastSecond, now: number): boolean =>
  state.kind === "holding" && now < state.known.doubtedUntil && !isSevere(second);

/** The transitions of one rate. */
export interface RateSearch {
  readonly initial: RateState;
  /** Returns the next state, or `state` itself if the event changes nothing. */
  reduce(state: RateState, event: RateEvent, now: number): RateState;
}

/**
 * Creates the transitions for a rate within bounds. Times are milliseconds of the monotonic clock.
 * They share one variable: the probe interval, which is the time for which a working rate is kept.
 */
export function createRateSearch(bounds: QuotaBounds): RateSearch {
  const { mostPerSecond, startPerSecond } = bounds;
  const firstMs: number = rateConstants.firstProbeIntervalMs;
  let intervalMs = firstMs;
  let longestIntervalMs = bounds.longestHoldMs;

  const lengthenInterval = (factor: number): void => {
    intervalMs = Math.min(intervalMs * factor, longestIntervalMs);
  };

  const ratesOf = (perSecond: number, leastMs: number) => {
    const rate = Math.min(Math.max(perSecond, leastPerSecond), mostPerSecond);
    return { rate, safe: rate, periodMs: Math.max(leastMs, (leastAnswers * 1_000) / rate) };
  };
  const search = (perSecond: number, growth: Growth, known: Knowledge): ActiveState => {
    return { kind: "searching", ...ratesOf(perSecond, growth.periodMs), known, growth };
  };
  function hold(perSecond: number, now: number, known: Knowledge, waitMs = intervalMs): Holding {
    const rates = ratesOf(perSecond, steady.periodMs);
    const probeAt = rates.rate < mostPerSecond ? now + waitMs : never;
    return { kind: "holding", ...rates, known, probeAt, probeMs: rateConstants.probeMs };
  }
  /** Holds a rate that may be far too low: the next probe comes sooner, in shorter steps. */
  function holdUntested(perSecond: number, now: number, known: Knowledge): Holding {
    const waitMs = Math.min(intervalMs, untestedIntervalMs);
    return { ...hold(perSecond, now, known, waitMs), probeMs: untestedProbeMs };
  }
  function probe(held: Holding, step: number): ActiveState {
    const { known, safe } = held;
    const rates = ratesOf(safe * (1 + (probeSteps[step] ?? 0)), held.probeMs);
    return { kind: "probing", ...rates, safe, known, step, held };
  }

  function onRefused(state: ActiveState, event: Refused, now: number): RateState {
    const { sent, second, isSameCause } = event;
    const { kind, safe } = state;
    const passed = isSameCause ? state.known.passed : undefined;
    const known = { ...state.known, passed };
    if (kind === "unlimited") {
      const start = Math.max(second.accepted, singleConstants.leastSearchStart) * margin;
      return search(start, hasty, known);
    }
    if (kind === "measuring") return state;
    if (isSevere(second) || (kind === "searching" && state.growth === hasty)) {
      intervalMs = firstMs;
      return { kind: "measuring", rate: ratesOf(sent, 0).rate, safe, known, periodMs: never };
    }
    if (kind === "searching") {
      const end = Math.min(Math.max(second.accepted * margin, safe), sent * margin);
      return holdUntested(end, now, { ...known, retries: 1, passed: safe });
    }
    if (kind === "probing") {
      // The quota lies between `safe` and `sent`.
      if (known.retries > 0 && sent > safe * wideStep)
        return holdUntested(safe, now, { ...known, retries: 0 });
      lengthenInterval(rateConstants.intervalGrowthAfterProbe);
      return hold(Math.min(safe, sent), now, known);
    }
    if (isDoubted(state, second, now)) return hold(Math.min(safe, sent) * doubtFactor, now, known);
    if (!isSameCause) lengthenInterval(rateConstants.intervalGrowth);
    return hold(Math.min(safe, sent) * margin, now, known);
  }

  function onPeriodEnded(state: ActiveState, isUsed: boolean, now: number): RateState {
    if (state.kind === "holding") return isUsed && now >= state.probeAt ? probe(state, 0) : state;
    if (state.kind !== "searching" && state.kind !== "probing") return state;
    const { rate, known } = state;
    if (!isUsed) {
      // A step that was not used proves nothing. Without demand there is no hurry either.
      return state.kind === "probing" ? state.held : state;
    }
    if (rate >= mostPerSecond) return hold(rate, now, known);
    if (state.kind === "probing" && state.step + 1 < probeSteps.length) {
      return probe({ ...state.held, ...ratesOf(rate, steady.periodMs) }, state.step + 1);
    }
    intervalMs = firstMs;
    const growth = state.kind === "searching" ? state.growth : steady;
    return { ...search(rate * growth.factor, growth, known), safe: rate };
  }

  function onMeasured(state: ActiveState, measurement: Measurement, now: number): RateState {
    intervalMs = firstMs;
    const { usedUpUntil } = measurement;
    const doubtedUntil = usedUpUntil === undefined ? now : Math.max(now, usedUpUntil) + doubtMs;
    const perSecond = rateOf(measurement, state.rate);
    return holdUntested(perSecond, now, { retries: 1, passed: undefined, doubtedUntil });
  }

  function onRecovered(state: ActiveState, event: Recovered, now: number): RateState {
    const { lengthMs, isOfSecond, reduction, isOfNothing } = event.lockout;
    if (bounds.isFixed || isOfNothing) return state;
    longestIntervalMs = Math.max(longestIntervalMs, lengthMs * intervalPerPenalty);
    const { safe } = state;
    if (state.kind === "searching" && state.growth === hasty && !isOfSecond) {
      // A penalty for the very first refusal: nothing is known yet, so the search goes on slowly.
      return search(safe, steady, state.known);
    }
    const { passed } = state.known;
    const known = { ...state.known, passed: undefined };
    const perSecond = Math.min(safe, passed ?? safe) * event.factor * (1 - reduction);
    if (isOfSecond) return holdUntested(perSecond, now, { ...known, retries: 1 });
    // The steps of a search are wide. Until probes have narrowed the quota down, a long interval
    // costs more than another penalty.
    if (passed === undefined) intervalMs = Math.max(intervalMs, lengthMs * intervalPerPenalty);
    return hold(perSecond, now, known);
  }

  const unknown = { retries: 0, passed: undefined, doubtedUntil: -never } as const;
  const first =
    startPerSecond < mostPerSecond
      ? search(startPerSecond, steady, unknown)
      : hold(startPerSecond, 0, unknown);
  return {
    initial: first.rate < never ? first : { ...first, kind: "unlimited" },
    reduce(state, event, now) {
      if (state.kind === "lockout") {
        return event.kind === "recovered" ? onRecovered(state.interrupted, event, now) : state;
      }
      if (event.kind === "refused") return onRefused(state, event, now);
      if (event.kind === "periodEnded") return onPeriodEnded(state, event.isUsed, now);
      if (event.kind === "measured") return onMeasured(state, event.measurement, now);
      if (event.kind === "recovered") return state;
      const { rate, safe } = state;
      return { kind: "lockout", rate, safe, periodMs: never, interrupted: state };
    },
  };
}
