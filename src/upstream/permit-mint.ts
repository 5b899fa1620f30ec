import type { Clock, Timer } from "../clock.ts";
import { createPermitBucket } from "./permit-bucket.ts";
import { createPermitPress } from "./permit-press.ts";
import type { Permits } from "./permits.ts";
import { createWindow } from "./window.ts";

/** What permits are minted from. */
export interface PermitMintOptions {
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
 * Mints permits at a rate, into a small bucket that starts full, so that an idle gateway waits for nothing. No job is
 * ordered, and no timer set, while the bucket is more than half full and nobody waits. Throws a `RangeError` unless the
 * rate is positive and finite.
 */
export function createPermitMint(options: PermitMintOptions): Permits {
  const { clock, margin = 0.985, guardMs } = options;
  let { rate } = options;
  assertRate(rate);
  const window = createWindow({ quota: rate / margin, guardMs });
  const bucket = createPermitBucket(clock.now(), rate);
  let pausedUntil = Number.NEGATIVE_INFINITY;
  let waiter: (() => void) | undefined;
  let timer: Timer | undefined;
  let isClosed = false;

  const press = createPermitPress({
    clock,
    rate,
    onGrant(permits) {
      const now = clock.now();
      bucket.add(now, permits);
      replenish(now);
      callWhenDue(now);
    },
  });

  const wantsJob = (): boolean =>
    waiter === undefined
      ? bucket.level + press.owed <= bucket.size / 2
      : bucket.level < bucket.size;
  const replenish = (now: number): void => {
    if (isClosed || now < pausedUntil) return;
    while (wantsJob() && press.order(now));
  };

  /** Milliseconds until the waiter has to be called or looked after. */
  const dueInMs = (now: number): number => {
    if (now < pausedUntil) return pausedUntil - now;
    // While that depends on a job alone, the timer sees to the job.
    return bucket.level > 0 ? window.waitMs(now) : press.checkInMs(now);
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
  const callWaiter = (): void => {
    const callback = waiter;
    waiter = undefined;
    setTimer(undefined);
    callback?.();
  };
  const callWhenDue = (now: number): void => {
    if (waiter === undefined) return;
    const ms = dueInMs(now);
    if (ms === 0 && bucket.level > 0) callWaiter();
    else setTimer(ms);
  };
  /** As `callWhenDue`, but never calls back by itself. */
  const lookAfterWaiter = (): void => {
    if (waiter === undefined) return;
    const now = clock.now();
    replenish(now);
    setTimer(dueInMs(now));
  };

  return {
    tryTake() {
      if (isClosed || bucket.level === 0) return false;
      const now = clock.now();
      if (now < pausedUntil || window.waitMs(now) > 0) return false;
      bucket.take();
      window.take(now);
      replenish(now);
      return true;
    },
    refund() {
      // What comes back during a pause is discarded like what lay ready: the pause has to end with one request, not a burst.
      if (clock.now() >= pausedUntil) bucket.giveBack();
      window.giveBack();
      lookAfterWaiter();
    },
    whenAvailable(callback) {
      waiter = isClosed ? undefined : callback;
      if (waiter === undefined) setTimer(undefined);
      else lookAfterWaiter();
    },
    delayMs(count) {
      const now = clock.now();
      const toMint = Math.max(0, count - bucket.level);
      const mintMs = Math.max(0, pausedUntil - now) + (toMint * 1_000) / rate;
      return Math.max(mintMs, window.waitMs(now, count));
    },
    setRate(perSecond) {
      assertRate(perSecond);
      if (perSecond === rate || isClosed) return;
      rate = perSecond;
      const now = clock.now();
      window.resize(rate / margin);
      bucket.setRate(now, rate);
      press.setRate(now, rate);
      lookAfterWaiter();
    },
    get rate() {
      return rate;
    },
    pauseUntil(time) {
      if (isClosed || time <= pausedUntil || time <= clock.now()) return;
      pausedUntil = time;
      bucket.clear();
      press.discard();
      callWaiter();
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
