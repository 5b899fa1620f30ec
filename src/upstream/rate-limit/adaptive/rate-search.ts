/** The transitions of the rate law: which state follows a state and an event. */
import type { PastLockout } from "./lockout.ts";
import { isFilled, type Measurement } from "./quota-estimate.ts";
import { createActiveStates, grown, hasty, leastAnswers, steady } from "./active-states.ts";
import { rateConstants, singleConstants } from "./constants.ts";
import type { ActiveState, RateState } from "./rate-state.ts";
import { isSevere, type LastSecond } from "./response-counter.ts";
import type { QuotaBounds } from "./settings.ts";

/** Events that change the state. */
export type RateEvent =
  | Refused
  /** A 429 that is not about the rate. */
  | { readonly kind: "strayed" }
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
  /** Whether so much was sent in that second that the 429 is about the rate. */
  readonly isUsed: boolean;
  /** Whether the newest decrease is so recent that both have the same cause. */
  readonly isSameCause: boolean;
}

interface Recovered {
  readonly kind: "recovered";
  readonly lockout: PastLockout;
  /** 1 if the lockout has lowered the safe rate already, else the margin. */
  readonly factor: number;
  /** Whether the rate was used before the lockout. */
  readonly isUsed: boolean;
}

const { margin, probeSteps, leastUnproven } = rateConstants;
const never = Number.POSITIVE_INFINITY;
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

/** The state that a probe or a measurement began from. */
function baseOf(state: ActiveState): ActiveState {
  if (state.kind === "probing") return state.held;
  return state.kind === "measuring" ? baseOf(state.before) : state;
}

/** The transitions of one rate. */
export interface RateSearch {
  readonly initial: RateState;
  /** Returns the next state, or `state` itself if the event changes nothing. */
  reduce(state: RateState, event: RateEvent, now: number): RateState;
}

/**
 * Creates the transitions for a rate within bounds. Times are milliseconds of the monotonic clock.
 * They share the probe interval, which is the time for which a working rate is kept.
 */
export function createRateSearch(bounds: QuotaBounds): RateSearch {
  const { mostPerSecond, startPerSecond } = bounds;
  const { search, hold, holdUntested, holdWeak, holdBelow, regain, probe, measure, interval } =
    createActiveStates(bounds);

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
      interval.reset();
      return measure(sent, state, known);
    }
    if (!event.isUsed && !isDoubted(state, second, now)) {
      const lower = sent * margin;
      return kind === "probing" ? state.held : afterUnproven(state, lower, lower, now);
    }
    if (kind === "searching") {
      const end = Math.min(Math.max(second.accepted * margin, safe), sent * margin);
      return holdUntested(end, now, { ...known, retries: 1, passed: safe });
    }
    if (kind === "probing") {
      // The quota lies between `safe` and `sent`.
      if (known.retries > 0 && sent > safe * wideStep)
        return holdUntested(safe, now, { ...known, retries: 0 });
      interval.lengthen(rateConstants.intervalGrowthAfterProbe);
      return { ...hold(Math.min(safe, sent), now, known), top: Math.max(safe, state.held.top) };
    }
    if (isDoubted(state, second, now)) return hold(Math.min(safe, sent) * doubtFactor, now, known);
    if (!isSameCause) interval.lengthen(rateConstants.intervalGrowth);
    const { isWeak } = state;
    const held = hold(Math.min(safe, sent) * margin, now, known);
    const probeAt = isWeak ? state.probeAt : held.probeAt;
    return { ...held, top: state.regains ? safe : state.top, isWeak, probeAt };
  }

  /**
   * Follows refusals that prove nothing about the rate, by a search from one rate or, after a rate
   * that was held, by a hold at another one. The rate that was held returns when it is used.
   */
  function afterUnproven(
    base: ActiveState,
    searched: number,
    held: number,
    now: number,
  ): ActiveState {
    const { safe } = base;
    const known = { ...base.known, passed: undefined, isUnclear: false };
    const least = Math.min(safe, leastUnproven);
    if (base.kind !== "holding") return search(Math.max(searched, least), hasty, known);
    const top = base.regains ? base.top : safe;
    const below = holdBelow(Math.min(safe, Math.max(held, least)), top, now, known);
    return base.isWeak ? { ...below, isWeak: true, probeAt: base.probeAt } : below;
  }

  /** After a refusal that is not about the rate: those that have lowered it were not either. */
  function onStrayed(state: ActiveState): ActiveState {
    if (state.kind !== "holding" || state.rate >= state.top || state.regains) return state;
    interval.reset();
    return { ...state, regains: true };
  }

  function onPeriodEnded(state: ActiveState, isUsed: boolean, now: number): RateState {
    if (state.kind === "holding") {
      if (isUsed && state.regains) return regain(state, now);
      if (!isUsed || now < state.probeAt) return state;
      return state.isWeak ? search(grown(state.rate, hasty), hasty, state.known) : probe(state, 0);
    }
    if (state.kind !== "searching" && state.kind !== "probing") return state;
    const { rate, known } = state;
    if (!isUsed) {
      // A step that was not used proves nothing. Without demand there is no hurry either.
      return state.kind === "probing" ? state.held : state;
    }
    if (rate >= mostPerSecond) return hold(rate, now, known);
    if (state.kind === "probing" && state.step + 1 < probeSteps.length) {
      const { periodMs } = state.held;
      return probe({ ...state.held, rate, safe: rate, periodMs }, state.step + 1);
    }
    interval.reset();
    if (rate >= leastAnswers) interval.resetWeak();
    const growth = state.kind === "searching" ? state.growth : steady;
    const next = { ...known, isUnclear: false };
    return { ...search(grown(rate, growth), growth, next), safe: rate };
  }

  function onMeasured(state: ActiveState, measurement: Measurement, now: number): RateState {
    interval.reset();
    const { accepted, throttled, usedUpUntil } = measurement;
    const { rate } = state;
    const base = baseOf(state);
    // A second without a refusal shows no quota, unless refusals are a second apart.
    if (throttled === 0 && accepted >= leastAnswers)
      return afterUnproven(base, rate, rate * margin, now);
    const doubtedUntil = usedUpUntil === undefined ? now : Math.max(now, usedUpUntil) + doubtMs;
    const known = { retries: 1, passed: undefined, doubtedUntil, isUnclear: false } as const;
    if (usedUpUntil !== undefined || isFilled(measurement, rate)) {
      const isClear = usedUpUntil !== undefined || isSevere(measurement) || state.known.isUnclear;
      if (!isClear && base.kind === "searching") {
        return search(rate * margin, hasty, { ...known, isUnclear: true });
      }
      const isWeak = accepted < leastAnswers && usedUpUntil === undefined;
      return (isWeak ? holdWeak : holdUntested)(accepted * margin, now, known);
    }
    // If the quota has dropped, a lower rate is filled soon. If not, demand finds the rate again.
    const perSecond = (isSevere(measurement) ? Math.max(accepted, rate / 2) : rate) * margin;
    return afterUnproven(base, perSecond, perSecond, now);
  }

  function onRecovered(state: ActiveState, event: Recovered, now: number): RateState {
    const { lengthMs, isOfSecond, reduction, isOfNothing } = event.lockout;
    if (bounds.isFixed || isOfNothing) return state;
    const { safe } = state;
    if (!event.isUsed) {
      const lower = safe * event.factor * (1 - reduction);
      return afterUnproven(baseOf(state), lower, lower, now);
    }
    interval.allow(lengthMs * intervalPerPenalty);
    if (state.kind === "searching" && state.growth === hasty && !isOfSecond) {
      // A penalty for the very first refusal: nothing is known yet, so the search goes on slowly.
      return search(safe, steady, state.known);
    }
    const { passed } = state.known;
    const known = { ...state.known, passed: undefined };
    const perSecond = Math.min(safe, passed ?? safe) * event.factor * (1 - reduction);
    if (perSecond < leastAnswers) return holdWeak(perSecond, now, known);
    if (isOfSecond) return holdUntested(perSecond, now, { ...known, retries: 1 });
    // The steps of a search are wide. Until probes have narrowed the quota down, a long interval
    // costs more than another penalty.
    if (passed === undefined) interval.extend(lengthMs * intervalPerPenalty);
    return hold(perSecond, now, known);
  }

  const unknown = {
    retries: 0,
    passed: undefined,
    doubtedUntil: -never,
    isUnclear: false,
  } as const;
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
      if (event.kind === "strayed") return onStrayed(state);
      if (event.kind === "measured") return onMeasured(state, event.measurement, now);
      if (event.kind === "recovered") return state;
      const { rate, safe } = state;
      return { kind: "lockout", rate, safe, periodMs: never, interrupted: state };
    },
  };
}
