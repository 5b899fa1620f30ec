import type { Clock } from "../../../platform/clock.ts";
import type { Permits } from "./permits.ts";

/** Permits that also bound the requests in flight. */
export interface ConcurrencyLimit extends Permits {
  /** Frees the place of a request that was sent. A refund frees it too. */
  release(): void;
  /** Requests that hold a permit at present. */
  readonly inFlight: number;
}

/** Calls back in the next turn of the event loop. */
export type NextTurn = (callback: () => void) => void;

/**
 * Bounds the requests in flight to the number of connections. A request that waited inside the pool
 * could be neither cancelled nor overtaken by a call of a higher class. With a clock, `delayMs`
 * includes the wait for a connection while all are busy.
 */
export function createConcurrencyLimit(
  permits: Permits,
  most: number,
  clock?: Clock,
  nextTurn: NextTurn = setImmediate,
): ConcurrencyLimit {
  let inFlight = 0;
  /**
   * Places that were freed in this turn of the event loop. undici takes a connection for free a
   * turn after the response on it, and would queue a request until then.
   */
  let freeing = 0;
  let waiter: (() => void) | undefined;
  /** The time at which all connections became busy. */
  let busySince = 0;
  /**
   * Moving average of the time between releases while all connections are busy, in milliseconds.
   * Releases at other times count as 0.
   */
  let releaseMs = 0;

  const isFull = (): boolean => inFlight + freeing >= most;
  const callWaiter = (): void => {
    const callback = waiter;
    waiter = undefined;
    callback?.();
  };
  const arm = (): void => {
    permits.whenAvailable(waiter === undefined || isFull() ? undefined : callWaiter);
  };
  const onNextTurn = (): void => {
    const wasFull = inFlight + freeing >= most;
    freeing = 0;
    if (waiter !== undefined && wasFull) arm();
  };
  const release = (): void => {
    if (clock !== undefined) {
      const busyMs = inFlight === most ? clock.now() - busySince : 0;
      releaseMs += (busyMs - releaseMs) / (2 * most);
    }
    inFlight -= 1;
    freeing += 1;
    if (freeing === 1) nextTurn(onNextTurn);
  };

  return {
    tryTake() {
      if (inFlight + freeing >= most || !permits.tryTake()) return false;
      inFlight += 1;
      if (inFlight === most && clock !== undefined) busySince = clock.now();
      return true;
    },
    refund() {
      permits.refund();
      release();
    },
    release,
    whenAvailable(callback) {
      waiter = callback;
      arm();
    },
    get ready() {
      return Math.min(permits.ready, most - inFlight - freeing);
    },
    delayMs(count) {
      const permitMs = permits.delayMs(count);
      return isFull() ? Math.max(permitMs, count * releaseMs) : permitMs;
    },
    setRate: (perSecond, quotaPerSecond) => permits.setRate(perSecond, quotaPerSecond),
    get rate() {
      return permits.rate;
    },
    pauseUntil(time) {
      const before = permits.pausedUntil;
      permits.pauseUntil(time);
      // While all connections are busy no waiter is registered inside, so it is called here.
      if (isFull() && permits.pausedUntil > before) callWaiter();
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
