/**
 * When the simulated client may send: paced with a small burst, and never more than the quota in a sliding second. The
 * arithmetic of the permits without Bottleneck, so that hours pass in a second.
 */

import { rateConstants } from "../../src/upstream/rate-limit/adaptive/rate-constants.ts";
import { createSlidingWindow } from "../../src/upstream/rate-limit/permits/sliding-window.ts";

export interface Pacer {
  /** The earliest time at which something may be sent, given the present. `Infinity` requests per second are unpaced. */
  readyAt(now: number): number;
  take(now: number): void;
  setRate(perSecond: number, quotaPerSecond: number, now: number): void;
  pauseUntil(time: number): void;
}

export function createPacer(perSecond: number): Pacer {
  let intervalMs = 1000 / perSecond;
  let burst = burstOf(perSecond);
  let theoretical = 0;
  let paused = Number.NEGATIVE_INFINITY;
  const window = createSlidingWindow({
    quota: isUnpaced(perSecond) ? 1 : perSecond / rateConstants.margin,
  });

  /** What was sent unpaced is not known to the pace that begins, so it begins with nothing to spend. */
  function start(rate: number, quotaRate: number, now: number): void {
    intervalMs = 1000 / rate;
    burst = burstOf(rate);
    window.resize(quotaRate / rateConstants.margin);
    theoretical = Math.max(paused, now + intervalMs) + (burst - 1) * intervalMs;
  }

  return {
    readyAt(now) {
      if (intervalMs === 0) return Math.max(now, paused);
      const paced = Math.max(theoretical - (burst - 1) * intervalMs, paused);
      return Math.max(paced, now + window.waitMs(now));
    },
    take(now) {
      if (intervalMs === 0) return;
      theoretical = Math.max(theoretical, now) + intervalMs;
      window.take(now);
    },
    setRate(rate, quotaRate, now) {
      if (intervalMs === 0) return isUnpaced(rate) ? undefined : start(rate, quotaRate, now);
      const owed = Math.max(0, theoretical - now) / intervalMs;
      intervalMs = 1000 / rate;
      theoretical = Math.min(theoretical, now + owed * intervalMs);
      burst = burstOf(rate);
      window.resize(quotaRate / rateConstants.margin);
    },
    pauseUntil(time) {
      if (time <= paused) return;
      paused = time;
      // What was minted is discarded: the pause ends with a burst of one.
      theoretical = Math.max(theoretical, time + (burst - 1) * intervalMs);
    },
  };
}

const isUnpaced = (rate: number): boolean => rate === Number.POSITIVE_INFINITY;

const burstOf = (rate: number): number => Math.min(10, Math.max(1, Math.round(0.05 * rate)));
