import type { Permits } from "./permits.ts";

/** Permits of which only so many may be in use at a time. */
export interface BoundedPermits extends Permits {
  /** The request that a permit was spent on has ended. A refund ends it too. */
  release(): void;
  readonly inFlight: number;
}

/**
 * Bounds the requests under way to the number of connections: a request that waits inside the pool can neither be cancelled nor be
 * overtaken by one that matters more.
 */
export function limitInFlight(permits: Permits, most: number): BoundedPermits {
  let inFlight = 0;
  let waiter: (() => void) | undefined;

  const call = (): void => {
    const callback = waiter;
    waiter = undefined;
    callback?.();
  };
  const arm = (): void => {
    permits.whenAvailable(waiter === undefined || inFlight >= most ? undefined : call);
  };
  const end = (): void => {
    inFlight -= 1;
    if (waiter !== undefined && inFlight === most - 1) arm();
  };

  return {
    tryTake() {
      if (inFlight >= most || !permits.tryTake()) return false;
      inFlight += 1;
      return true;
    },
    refund() {
      permits.refund();
      end();
    },
    release: end,
    whenAvailable(callback) {
      waiter = callback;
      arm();
    },
    delayMs: (count) => permits.delayMs(count),
    setRate: (perSecond) => permits.setRate(perSecond),
    get rate() {
      return permits.rate;
    },
    pauseUntil(time) {
      const before = permits.pausedUntil;
      permits.pauseUntil(time);
      // Who cannot outlast the pause has to be told now, also while all connections are busy.
      if (inFlight >= most && permits.pausedUntil > before) call();
    },
    get pausedUntil() {
      return permits.pausedUntil;
    },
    get inFlight() {
      return inFlight;
    },
    close() {
      waiter = undefined;
      permits.close();
    },
  };
}
