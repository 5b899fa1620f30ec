/**
 * A model of the product's rate limiter for the simulations: a small burst, a refill at the rate,
 * and never more than the quota in a sliding second. It needs no timers, so hours pass in a second.
 */

import { rateConstants } from "../../src/upstream/rate-limit/adaptive/constants.ts";
import { createSlidingWindow } from "../../src/upstream/rate-limit/permits/sliding-window.ts";
import { bucketSizeFor } from "../../src/upstream/rate-limit/permits/token-bucket.ts";

/** When the simulated client may send. Times are milliseconds. */
export interface RateLimitModel {
  /** The earliest time at which a request may be sent; not before `now`. */
  readyAt(now: number): number;
  /** Records a send. */
  take(now: number): void;
  setRate(perSecond: number, quotaPerSecond: number, now: number): void;
  pauseUntil(time: number): void;
}

const isUnlimited = (rate: number): boolean => rate === Number.POSITIVE_INFINITY;

/** Creates a model with a full burst. `perSecond` may be `Infinity`. */
export function createRateLimitModel(perSecond: number): RateLimitModel {
  let intervalMs = 1000 / perSecond;
  let { burst } = bucketSizeFor(perSecond);
  let theoretical = 0;
  let paused = Number.NEGATIVE_INFINITY;
  const window = createSlidingWindow({
    quota: isUnlimited(perSecond) ? 1 : perSecond / rateConstants.margin,
  });

  /** Gives no permit before that time, and a single one then. */
  function pause(time: number): void {
    theoretical = Math.max(theoretical, time + (burst - 1) * intervalMs);
  }

  return {
    readyAt(now) {
      if (intervalMs === 0) return Math.max(now, paused);
      const bucketAt = Math.max(theoretical - (burst - 1) * intervalMs, paused);
      return Math.max(bucketAt, now + window.waitMs(now));
    },
    take(now) {
      if (intervalMs === 0) return;
      theoretical = Math.max(theoretical, now) + intervalMs;
      window.take(now);
    },
    setRate(rate, quotaRate, now) {
      const wasUnlimited = intervalMs === 0;
      if (wasUnlimited && isUnlimited(rate)) return;
      const deficit = wasUnlimited ? 0 : Math.max(0, theoretical - now) / intervalMs;
      intervalMs = 1000 / rate;
      theoretical = Math.min(theoretical, now + deficit * intervalMs);
      ({ burst } = bucketSizeFor(rate));
      window.resize(quotaRate / rateConstants.margin);
      // The sends without a limit are not recorded, so the first permit comes one interval later.
      if (wasUnlimited) pause(Math.max(paused, now + intervalMs));
    },
    pauseUntil(time) {
      if (time <= paused) return;
      paused = time;
      pause(time);
    },
  };
}
