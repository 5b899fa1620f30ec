import type { Clock, Timer } from "../../../platform/clock.ts";
import { createTokenBucket } from "./token-bucket.ts";
import { bucketSizeFor } from "./bucket-size.ts";
import { createBottleneckRefill } from "./bottleneck-refill.ts";
import type { Permits } from "./permits.ts";
import { createSlidingWindow } from "./sliding-window.ts";

/** What permits are minted from. */
export interface RateLimiterOptions {
  readonly clock: Clock;
  /** Permits per second at the start. */
  readonly rate: number;
  /** The rate's share of the upstream's quota; the sliding window holds `rate / margin` sends. Default 0.985. */
  readonly margin?: number | undefined;
  /** Added to the second of the sliding window, in milliseconds. Default 12. */
  readonly guardMs?: number | undefined;
}

const assertRate = (rate: number): void => {
  if (!(rate > 0 && Number.isFinite(rate))) throw new RangeError(`not a rate: ${rate}`);
};

/**
 * Mints permits at a rate. Bottleneck grants them, a few dozen times per second, into a stock; a meter lets them out of it
 * at exactly the rate, with a small burst, so that an idle gateway waits for nothing; and no second sees more than the
 * quota. No job is ordered, and no timer set, while the stock suffices and nobody waits. Throws a `RangeError` unless the
 * rate is positive and finite.
 */
export function createRateLimiter(options: RateLimiterOptions): Permits {
  const { clock, rate, margin = 0.985, guardMs = 12 } = options;
  assertRate(rate);
  let pace = bucketSizeFor(rate);
  const window = createSlidingWindow({ quota: rate / margin, guardMs });
  const meter = createTokenBucket({
    now: clock.now(),
    pace,
    // More than this the window would not let through for long.
    catchUpFactor: Math.max(1, 1_000 / ((1_000 + guardMs) * margin)),
  });
  let stock = pace.grant + pace.burst;
  let pausedUntil = Number.NEGATIVE_INFINITY;
  let waiter: (() => void) | undefined;
  let timer: Timer | undefined;
  let isCalling = false;
  let isClosed = false;

  const press = createBottleneckRefill({
    clock,
    pace,
    onGrant(permits) {
      const now = clock.now();
      stock += permits;
      replenish(now);
      callWhenDue(now);
    },
  });

  const wantsJob = (): boolean =>
    waiter === undefined
      ? stock + press.deficit <= pace.leastStock
      : stock + press.deficit < pace.mostStock;
  const replenish = (now: number): void => {
    if (isClosed || now < pausedUntil) return;
    while (wantsJob() && press.order(now));
  };

  const spendableInMs = (now: number): number => Math.max(window.waitMs(now), meter.waitMs(now));
  /** Milliseconds until the waiter has to be called or looked after. */
  const dueInMs = (now: number): number => {
    if (now < pausedUntil) return pausedUntil - now;
    // While that depends on a job alone, the timer sees to the job.
    return stock > 0 ? spendableInMs(now) : press.checkInMs(now);
  };
  const setTimer = (ms: number | undefined): void => {
    timer?.cancel();
    timer = ms === undefined ? undefined : clock.after(ms, onTimer);
  };
  const onTimer = (): void => {
    timer = undefined;
    const now = clock.now();
    replenish(now);
    callWhenDue(now);
  };
  const setWaiter = (now: number, next: (() => void) | undefined): void => {
    waiter = next;
    meter.setAwaited(now, next !== undefined);
  };
  const callWaiter = (now: number): void => {
    const callback = waiter;
    setWaiter(now, undefined);
    setTimer(undefined);
    callback?.();
  };
  const callWhenDue = (now: number): void => {
    if (waiter === undefined) return;
    const ms = dueInMs(now);
    if (ms === 0 && stock > 0) callWaiter(now);
    else setTimer(ms);
  };
  const onMicrotask = (): void => {
    isCalling = false;
    callWhenDue(clock.now());
  };
  /** As `callWhenDue`, but never calls back by itself. */
  const lookAfterWaiter = (now: number): void => {
    if (waiter === undefined) return;
    if (stock > 0 && dueInMs(now) === 0) {
      // A timer would leave a connection unused for a millisecond.
      if (!isCalling) queueMicrotask(onMicrotask);
      isCalling = true;
    } else {
      replenish(now);
      setTimer(dueInMs(now));
    }
  };

  return {
    tryTake() {
      if (isClosed || stock === 0) return false;
      const now = clock.now();
      if (now < pausedUntil || spendableInMs(now) > 0) return false;
      stock -= 1;
      meter.take(now);
      window.take(now);
      replenish(now);
      return true;
    },
    refund() {
      const now = clock.now();
      // What comes back during a pause is discarded like what lay ready: the pause has to end with one request, not a burst.
      if (now >= pausedUntil) {
        stock += 1;
        meter.giveBack(now);
      }
      window.giveBack();
      lookAfterWaiter(now);
    },
    recordSentAt: (takenAt, time) => window.moveLatest(takenAt, time),
    whenAvailable(callback) {
      const now = clock.now();
      setWaiter(now, isClosed ? undefined : callback);
      if (waiter === undefined) setTimer(undefined);
      else lookAfterWaiter(now);
    },
    get ready() {
      const now = clock.now();
      if (isClosed || now < pausedUntil) return 0;
      let count = Math.min(stock, meter.ready(now));
      while (count > 0 && window.waitMs(now, count) > 0) count -= 1;
      return count;
    },
    delayMs(count) {
      const now = clock.now();
      const toMint = Math.max(0, count - stock);
      const mintMs = Math.max(0, pausedUntil - now) + (toMint * 1_000) / pace.rate;
      return Math.max(mintMs, meter.waitMs(now, count), window.waitMs(now, count));
    },
    setRate(perSecond, quotaPerSecond = perSecond) {
      assertRate(perSecond);
      assertRate(quotaPerSecond);
      if (isClosed) return;
      window.resize(quotaPerSecond / margin);
      if (perSecond === pace.rate) return;
      const now = clock.now();
      pace = bucketSizeFor(perSecond);
      meter.setPace(now, pace);
      press.setPace(now, pace);
      lookAfterWaiter(now);
    },
    get rate() {
      return pace.rate;
    },
    pauseUntil(time) {
      const now = clock.now();
      if (isClosed || time <= pausedUntil || time <= now) return;
      pausedUntil = time;
      stock = 0;
      meter.pauseUntil(time);
      press.discard();
      callWaiter(now);
    },
    get pausedUntil() {
      return pausedUntil;
    },
    close() {
      isClosed = true;
      waiter = undefined;
      setTimer(undefined);
      press.close();
    },
  };
}
