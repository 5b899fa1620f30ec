import type { Clock, Timer } from "../../../platform/clock.ts";
import { createBottleneckRefill } from "./bottleneck-refill.ts";
import type { Permits } from "./permits.ts";
import { createSlidingWindow, type SlidingWindow } from "./sliding-window.ts";
import { createTokenBucket, type TokenBucket } from "./token-bucket.ts";

/** How a rate limiter is created. */
export interface RateLimiterOptions {
  readonly clock: Clock;
  /** Permits per second at the start; `Infinity` for no limit. */
  readonly rate: number;
  /**
   * The rate's share of the quota. The sliding window holds `rate / margin` sends. Default 0.985.
   */
  readonly margin?: number | undefined;
  /** Added to the second of the sliding window, in milliseconds. Default 12. */
  readonly guardMs?: number | undefined;
}

/** Permits at a rate. */
export interface RateLimiter extends Permits {
  /**
   * Records that a request was answered whose permit was taken at `takenAt` or just before.
   * `sentAt` is when it was put on its connection, if that is known. The sliding window counts a
   * late request from the later time. Both are monotonic milliseconds.
   */
  recordSentAt(takenAt: number, sentAt: number | undefined): void;
}

/**
 * This many of the first requests of a process count from their responses. Code that is not
 * compiled yet can hold a request up anywhere on its way.
 */
const coldRequests = 50;
/**
 * A request that took longer than this to its connection counts from then, in milliseconds. It
 * waited for a new connection or for the event loop. The guard time of the window covers a shorter
 * delay.
 */
const heldUpMs = 2;

/** The bounds at a finite rate. */
interface Limits {
  readonly bucket: TokenBucket;
  readonly window: SlidingWindow;
}

const unlimited = Number.POSITIVE_INFINITY;

const assertRate = (rate: number): void => {
  if (!(rate > 0)) throw new RangeError(`not a rate: ${rate}`);
};

/**
 * Creates permits at a rate. A token bucket gives them out at exactly the rate, with a small burst,
 * so that an idle gateway adds no wait. A sliding window keeps every second within the quota. A
 * timer and Bottleneck's refill jobs wake the waiter; without a waiter there is no timer and no
 * job.
 *
 * At the rate `Infinity` only a pause holds permits back. After a change to a finite rate the first
 * permit comes one interval later, since the sends before it are not recorded. Throws a
 * `RangeError` unless the rate is positive.
 */
export function createRateLimiter(options: RateLimiterOptions): RateLimiter {
  const { clock, margin = 0.985, guardMs = 12 } = options;
  let { rate } = options;
  assertRate(rate);
  let pausedUntil = Number.NEGATIVE_INFINITY;
  let waiter: (() => void) | undefined;
  let timer: Timer | undefined;
  /** Whether a microtask will call the waiter. */
  let isCalling = false;
  let coldLeft = coldRequests;
  let isClosed = false;

  const createLimits = (quotaPerSecond: number): Limits => ({
    bucket: createTokenBucket({
      now: clock.now(),
      rate,
      // The sliding window would not let a higher rate through for long.
      catchUpFactor: Math.max(1, 1_000 / ((1_000 + guardMs) * margin)),
    }),
    window: createSlidingWindow({ quota: quotaPerSecond / margin, guardMs }),
  });
  /** Absent: unlimited. */
  let limits = rate === unlimited ? undefined : createLimits(rate);

  const refill = createBottleneckRefill(() => {
    const now = clock.now();
    limits?.bucket.refill(now);
    wake(now);
  });

  /** Milliseconds until `count` permits can be taken. The bucket's wait includes a pause. */
  const waitMs = (now: number, count = 1): number =>
    limits === undefined
      ? Math.max(0, pausedUntil - now)
      : Math.max(limits.window.waitMs(now, count), limits.bucket.waitMs(now, count));
  const setTimer = (ms: number | undefined): void => {
    timer?.cancel();
    timer = ms === undefined ? undefined : clock.after(ms, onTimer);
  };
  const onTimer = (): void => {
    timer = undefined;
    wake(clock.now());
  };
  const onMicrotask = (): void => {
    isCalling = false;
    wake(clock.now());
  };
  const setWaiter = (now: number, next: (() => void) | undefined): void => {
    waiter = next;
    limits?.bucket.setAwaited(now, next !== undefined);
    if (next === undefined) setTimer(undefined);
  };
  const callWaiter = (now: number): void => {
    const callback = waiter;
    setWaiter(now, undefined);
    callback?.();
  };
  /** Calls the waiter back, now if a permit is there. */
  const wake = (now: number): void => {
    if (waiter === undefined) return;
    const ms = waitMs(now);
    if (ms === 0) callWaiter(now);
    else wakeIn(ms, now);
  };
  const wakeIn = (ms: number, now: number): void => {
    setTimer(ms);
    if (limits !== undefined && now >= pausedUntil) refill.request(now);
  };
  /** As `wake`, but a waiter that is due is called after the caller of this function returned. */
  const wakeLater = (now: number): void => {
    if (waiter === undefined) return;
    const ms = waitMs(now);
    if (ms > 0) {
      wakeIn(ms, now);
      return;
    }
    // A timer would leave a connection unused for a millisecond.
    if (!isCalling) queueMicrotask(onMicrotask);
    isCalling = true;
  };

  return {
    tryTake() {
      if (isClosed) return false;
      const now = clock.now();
      if (now < pausedUntil) return false;
      if (limits === undefined) return true;
      const blockedMs = limits.window.waitMs(now);
      if (blockedMs > 0) {
        limits.bucket.blockUntil(now, now + blockedMs);
        return false;
      }
      if (!limits.bucket.tryTake(now)) return false;
      limits.window.take(now);
      return true;
    },
    refund() {
      if (limits === undefined) return;
      const now = clock.now();
      limits.bucket.giveBack(now);
      limits.window.giveBack();
      wakeLater(now);
    },
    recordSentAt(takenAt, sentAt) {
      const isCold = coldLeft > 0;
      if (isCold) coldLeft -= 1;
      if (limits === undefined) return;
      if (isCold) limits.window.moveLatest(takenAt, clock.now());
      else if (sentAt !== undefined && sentAt - takenAt > heldUpMs) {
        limits.window.moveLatest(takenAt, sentAt);
      }
    },
    whenAvailable(callback) {
      const now = clock.now();
      setWaiter(now, isClosed ? undefined : callback);
      wakeLater(now);
    },
    get ready() {
      const now = clock.now();
      if (isClosed || now < pausedUntil) return 0;
      if (limits === undefined) return Number.POSITIVE_INFINITY;
      let count = limits.bucket.ready(now);
      while (count > 0 && limits.window.waitMs(now, count) > 0) count -= 1;
      return count;
    },
    delayMs: (count) => waitMs(clock.now(), count),
    setRate(perSecond, quotaPerSecond = perSecond) {
      assertRate(perSecond);
      assertRate(quotaPerSecond);
      if (quotaPerSecond === unlimited && perSecond !== unlimited) {
        throw new RangeError("a finite rate needs a finite quota");
      }
      if (isClosed) return;
      const now = clock.now();
      const hasChanged = perSecond !== rate;
      rate = perSecond;
      if (rate === unlimited) limits = undefined;
      else if (limits === undefined) {
        limits = createLimits(quotaPerSecond);
        limits.bucket.pauseUntil(Math.max(pausedUntil, now + 1_000 / rate));
        limits.bucket.setAwaited(now, waiter !== undefined);
      } else {
        limits.window.resize(quotaPerSecond / margin);
        if (hasChanged) limits.bucket.setRate(now, rate);
      }
      if (hasChanged) wakeLater(now);
    },
    get rate() {
      return rate;
    },
    pauseUntil(time) {
      const now = clock.now();
      if (isClosed || time <= pausedUntil || time <= now) return;
      pausedUntil = time;
      limits?.bucket.pauseUntil(time);
      callWaiter(now);
    },
    get pausedUntil() {
      return pausedUntil;
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      setWaiter(clock.now(), undefined);
      refill.close();
    },
  };
}
