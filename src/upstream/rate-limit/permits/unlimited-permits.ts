import type { Clock, Timer } from "../../../platform/clock.ts";
import type { Permits } from "./permits.ts";

/** Permits without end, for an upstream whose quota is not known. Only a pause holds them back. */
export function createUnlimitedPermits(clock: Clock): Permits {
  let pausedUntil = Number.NEGATIVE_INFINITY;
  let waiter: (() => void) | undefined;
  let timer: Timer | undefined;
  let isClosed = false;

  const call = (callback: (() => void) | undefined): void => {
    // A newer callback took this one's place meanwhile.
    if (callback === undefined || callback !== waiter) return;
    waiter = undefined;
    callback();
  };
  const arm = (): void => {
    timer?.cancel();
    timer = undefined;
    const callback = waiter;
    if (callback === undefined) return;
    const leftMs = pausedUntil - clock.now();
    if (leftMs > 0) timer = clock.after(leftMs, arm);
    else queueMicrotask(() => call(callback));
  };

  return {
    tryTake: () => !isClosed && clock.now() >= pausedUntil,
    refund() {},
    recordSentAt() {},
    whenAvailable(callback) {
      waiter = isClosed ? undefined : callback;
      arm();
    },
    get ready() {
      return !isClosed && clock.now() >= pausedUntil ? Number.POSITIVE_INFINITY : 0;
    },
    delayMs: () => Math.max(0, pausedUntil - clock.now()),
    setRate() {},
    rate: Number.POSITIVE_INFINITY,
    pauseUntil(time) {
      if (isClosed || time <= pausedUntil || time <= clock.now()) return;
      pausedUntil = time;
      timer?.cancel();
      timer = undefined;
      call(waiter);
    },
    get pausedUntil() {
      return pausedUntil;
    },
    close() {
      isClosed = true;
      waiter = undefined;
      arm();
    },
  };
}
