/**
 * Measures a quota while more is sent than it lets through: what is accepted in a second then is the quota, however the
 * upstream counts. Of less than a second, or of one before the change, nothing follows.
 */

const secondMs = 1_000;
/** Where more than half is refused, or more than a hundred requests, a little more than half a second must do. */
const shortMs = 600;
const mostRefusedPart = 0.5;
const mostRefused = 100;
const leastOfShort = 25;
/** A window that is used up refuses everything: so many refusals in a row, for at least so long, are no chance. */
const darkRefusals = 5;
const darkMs = 30;
/** Where one window was used up just before, fewer tell that the next one is. */
const darkRefusalsAgain = 3;
/** What is less than this part of a second's rate is the rest of a window, and no whole one. */
const leastPart = 0.2;
/** From the end of one window to the end of the next, at a rate that is a little too high. */
const usedUpMs = 1_300;

/** What a second let through. */
export interface Finding {
  /** Per second. */
  readonly accepted: number;
  /** Per second. */
  readonly throttled: number;
  /** The end of the window that was used up early; nothing is let through before it. */
  readonly usedUpUntil: number | undefined;
}

/** Where the counting begins: at a first refusal; when the upstream accepts again; or when a window was just used up. */
export type EstimateOrigin = "refusal" | "light" | "usedUp";

export interface QuotaEstimate {
  readonly isOn: boolean;
  /** Begins to count anew. */
  start(now: number, origin: EstimateOrigin): void;
  stop(): void;
  accept(now: number): void;
  throttle(now: number): void;
  /** The result of a client that sends at `rate`, once, as soon as there is one; then the estimate is off. */
  finish(now: number, rate: number): Finding | undefined;
}

/** Creates a estimate that is off. Times are milliseconds of the monotonic clock. */
export function createQuotaEstimate(): QuotaEstimate {
  let isOn = false;
  let origin: EstimateOrigin = "refusal";
  let startedAt = 0;
  let accepted = 0;
  let throttled = 0;
  /** Accepted since anything was refused, and since when. */
  let sinceRow = 0;
  let lightAt = 0;
  let inRow = 0;
  let inRowSince = 0;

  const isDark = (now: number, rate: number): boolean => {
    const least = origin === "usedUp" ? darkRefusalsAgain : darkRefusals;
    return inRow >= least && now - inRowSince >= Math.max(darkMs, ((least - 1) * 1000) / rate);
  };

  function perSecond(lengthMs: number): Finding {
    isOn = false;
    const times = 1_000 / lengthMs;
    return { accepted: accepted * times, throttled: throttled * times, usedUpUntil: undefined };
  }

  return {
    get isOn() {
      return isOn;
    },
    start(now, from) {
      isOn = true;
      origin = from;
      startedAt = now;
      lightAt = now;
      accepted = sinceRow = throttled = inRow = 0;
    },
    stop() {
      isOn = false;
    },
    accept(now) {
      if (inRow > 0) {
        sinceRow = 0;
        lightAt = now;
      }
      accepted += 1;
      sinceRow += 1;
      inRow = 0;
    },
    throttle(now) {
      throttled += 1;
      inRow += 1;
      if (inRow === 1) inRowSince = now;
    },
    finish(now, rate) {
      if (!isOn) return undefined;
      const lengthMs = origin === "usedUp" ? usedUpMs : secondMs;
      if (now - startedAt >= lengthMs) return perSecond(lengthMs);
      if (origin === "refusal") {
        const isEnough =
          now - startedAt >= shortMs &&
          accepted >= leastOfShort &&
          throttled > Math.min(mostRefusedPart * (accepted + throttled), mostRefused);
        return isEnough ? perSecond(now - startedAt) : undefined;
      }
      // Only what was counted from its beginning fills a window.
      if (accepted < Math.max(darkRefusals, leastPart * rate) || !isDark(now, rate))
        return undefined;
      isOn = false;
      // A window that began meanwhile was seen to begin: what the one before let through does not count.
      if (sinceRow < Math.max(darkRefusals, leastPart * rate))
        return { accepted, throttled, usedUpUntil: startedAt + lengthMs };
      return { accepted: sinceRow, throttled, usedUpUntil: lightAt + secondMs };
    },
  };
}
