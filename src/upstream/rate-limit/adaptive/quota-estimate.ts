/**
 * Estimates a quota while more is sent than it allows: what one second accepts is the quota,
 * however the upstream counts. A shorter time, or one from before the drop, would say nothing.
 */
import { rateConstants } from "./constants.ts";
import type { LastSecond } from "./response-counter.ts";

const secondMs = 1_000;
/** If more than half, or more than 100 requests, is refused, 600 ms with 25 accepted suffice. */
const shortMs = 600;
const mostRefusedShare = 0.5;
const mostRefused = 100;
const leastOfShort = 25;
/** A used-up window refuses everything: so many refusals in a row, for so long, are no chance. */
const usedUpRefusals = 5;
const usedUpMs = 30;
/** Refusals that show a used-up window where the one before was used up as well. */
const usedUpRefusalsAgain = 3;
/** Less than this share of the rate is the rest of a window, not a whole one. */
const leastShare = 0.2;
/** From the end of one window to the end of the next, at a rate that is a little too high. */
const nextWindowMs = 1_300;

/** A measured quota. */
export interface Measurement extends LastSecond {
  /** The end of the window that was used up early. Nothing is accepted before it. */
  readonly usedUpUntil: number | undefined;
}

/**
 * Where counting begins: at a refusal; when the upstream accepts again after a lockout; or when a
 * window was just used up.
 */
export type EstimateOrigin = "refusal" | "recovery" | "used-up";

/** Counts responses until they show the quota. */
export interface QuotaEstimate {
  readonly origin: EstimateOrigin;
  accept(now: number): void;
  throttle(now: number): void;
  /**
   * The result for a gateway that sends at `rate`, or `undefined` while there is none. The estimate
   * is of no use after a result.
   */
  finish(now: number, rate: number): Measurement | undefined;
}

/**
 * Whether enough was sent at `rate` to show a quota. What is accepted in a second that demand does
 * not fill is only a lower bound of it. One request more or less is a matter of when the second
 * begins.
 */
export const isFilled = ({ accepted, throttled }: LastSecond, rate: number): boolean =>
  accepted + throttled + 1 >= rateConstants.leastUse * rate;

/**
 * Begins to count at `startedAt`: earlier responses are ignored. Times are milliseconds of the
 * monotonic clock.
 */
export function createQuotaEstimate(startedAt: number, origin: EstimateOrigin): QuotaEstimate {
  const lengthMs = origin === "used-up" ? nextWindowMs : secondMs;
  const leastRefusals = origin === "used-up" ? usedUpRefusalsAgain : usedUpRefusals;
  let accepted = 0;
  let throttled = 0;
  /** When a request was accepted after a refusal, and how many were since then. */
  let acceptingSince = startedAt;
  let acceptedSince = 0;
  /** Refusals in a row, and when the first of them came. */
  let refusedInRow = 0;
  let refusedSince = 0;

  const isUsedUp = (now: number, rate: number): boolean =>
    refusedInRow >= leastRefusals &&
    now - refusedSince >= Math.max(usedUpMs, ((leastRefusals - 1) * 1_000) / rate);
  const perSecond = (ms: number): Measurement => {
    const times = 1_000 / ms;
    return { accepted: accepted * times, throttled: throttled * times, usedUpUntil: undefined };
  };

  return {
    origin,
    accept(now) {
      if (now < startedAt) return;
      if (refusedInRow > 0) {
        acceptedSince = 0;
        acceptingSince = now;
      }
      accepted += 1;
      acceptedSince += 1;
      refusedInRow = 0;
    },
    throttle(now) {
      if (now < startedAt) return;
      throttled += 1;
      refusedInRow += 1;
      if (refusedInRow === 1) refusedSince = now;
    },
    finish(now, rate) {
      const passedMs = now - startedAt;
      if (passedMs >= lengthMs) return perSecond(lengthMs);
      if (origin === "refusal") {
        const isEnough =
          passedMs >= shortMs &&
          accepted >= leastOfShort &&
          throttled > Math.min(mostRefusedShare * (accepted + throttled), mostRefused);
        return isEnough ? perSecond(passedMs) : undefined;
      }
      // The count fills a window only if it began with the window.
      const leastAccepted = Math.max(usedUpRefusals, leastShare * rate);
      if (accepted < leastAccepted || !isUsedUp(now, rate)) return undefined;
      if (acceptedSince < leastAccepted)
        return { accepted, throttled, usedUpUntil: startedAt + lengthMs };
      // Another window began meanwhile: what the one before it accepted does not count.
      return { accepted: acceptedSince, throttled, usedUpUntil: acceptingSince + secondMs };
    },
  };
}
