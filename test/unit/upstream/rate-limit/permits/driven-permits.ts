import type { Clock, Timer } from "../../../../../src/platform/clock.ts";
import type { Permits } from "../../../../../src/upstream/rate-limit/permits/permits.ts";

/** Permits on a driven clock at an exact rate. They count the permits that were spent. */
export interface DrivenPermits extends Permits {
  /** Number of permits taken and not returned. */
  readonly spent: number;
  /** Whether a waiter is registered. */
  readonly isAwaited: boolean;
}

/** Permits at a rate, of which `burst` can be taken at once after idleness. */
export function createDrivenPermits(clock: Clock, startRate: number, burst = 1): DrivenPermits {
  let rate = startRate;
  // Permits that could be taken at `at`; fractions count.
  let level = burst;
  let at = clock.now();
  let pausedUntil = Number.NEGATIVE_INFINITY;
  let waiter: (() => void) | undefined;
  let timer: Timer | undefined;
  let spent = 0;

  const fill = (): void => {
    const now = clock.now();
    const from = Math.max(at, pausedUntil);
    if (now > from) level = Math.min(burst, level + ((now - from) * rate) / 1_000);
    at = now;
  };
  const delayMs = (count: number): number => {
    fill();
    const missing = count - level;
    // A millionth of a permit stands for the rounding of fractions.
    const refillMs = missing > 1e-6 ? (missing * 1_000) / rate : 0;
    return Math.max(0, pausedUntil - clock.now()) + refillMs;
  };
  const call = (): void => {
    const callback = waiter;
    waiter = undefined;
    timer?.cancel();
    callback?.();
  };
  const arm = (): void => {
    timer?.cancel();
    if (waiter === undefined) return;
    timer = clock.after(delayMs(1), () => {
      if (delayMs(1) === 0) call();
      else arm();
    });
  };
  return {
    tryTake() {
      if (delayMs(1) > 0) return false;
      level -= 1;
      spent += 1;
      return true;
    },
    refund() {
      level = Math.min(burst, level + 1);
      spent -= 1;
      arm();
    },
    whenAvailable(callback) {
      waiter = callback;
      arm();
    },
    get ready() {
      fill();
      return Math.floor(level);
    },
    delayMs,
    setRate(perSecond) {
      fill();
      rate = perSecond;
      arm();
    },
    get rate() {
      return rate;
    },
    pauseUntil(time) {
      fill();
      pausedUntil = Math.max(pausedUntil, time);
      level = 0;
      call();
    },
    get pausedUntil() {
      return pausedUntil;
    },
    close() {
      waiter = undefined;
      timer?.cancel();
    },
    get spent() {
      return spent;
    },
    get isAwaited() {
      return waiter !== undefined;
    },
  };
}
