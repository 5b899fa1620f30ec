import type { Clock } from "../../../platform/clock.ts";
import type { Permits } from "./permits.ts";

/** Permits of which only so many may be in use at a time. */
export interface ConcurrencyLimit extends Permits {
  /** The request that a permit was spent on has ended. A refund ends it too. */
  release(): void;
  readonly inFlight: number;
}

/** Calls back in the next turn of the event loop. */
export type NextTurn = (callback: () => void) => void;

/**
 * Bounds the requests under way to the number of connections: a request that waits inside the pool can neither be cancelled nor be
 * overtaken by one that matters more. With a clock, `delayMs` reckons with how fast connections come free while all are busy.
 */
export function createConcurrencyLimit(
  permits: Permits,
  most: number,
  clock?: Clock,
  nextTurn: NextTurn = setImmediate,
): ConcurrencyLimit {
  let inFlight = 0;
  /** Ended in this turn. undici takes a connection for free a turn after the answer on it; until then it would queue the next. */
  let ending = 0;
  let waiter: (() => void) | undefined;
  /** Since when all are busy and none has come free, while all are busy. */
  let busySince = 0;
  /** Time in which all were busy per connection that came free, on the average of the newest, in milliseconds. */
  let releaseMs = 0;

  const call = (): void => {
    const callback = waiter;
    waiter = undefined;
    callback?.();
  };
  const arm = (): void => {
    permits.whenAvailable(waiter === undefined || inFlight + ending >= most ? undefined : call);
  };
  const free = (): void => {
    const wereAllTaken = inFlight + ending >= most;
    ending = 0;
    if (waiter !== undefined && wereAllTaken) arm();
  };
  const end = (): void => {
    if (clock !== undefined) {
      // Those that come free together with another, or when there is no need, count too: as no time at all.
      const busyMs = inFlight === most ? clock.now() - busySince : 0;
      releaseMs += (busyMs - releaseMs) / (2 * most);
    }
    inFlight -= 1;
    ending += 1;
    if (ending === 1) nextTurn(free);
  };

  return {
    tryTake() {
      if (inFlight + ending >= most || !permits.tryTake()) return false;
      inFlight += 1;
      if (inFlight === most && clock !== undefined) busySince = clock.now();
      return true;
    },
    refund() {
      permits.refund();
      end();
    },
    release: end,
    recordSentAt: (takenAt, time) => permits.recordSentAt(takenAt, time),
    whenAvailable(callback) {
      waiter = callback;
      arm();
    },
    get ready() {
      return Math.min(permits.ready, most - inFlight - ending);
    },
    delayMs(count) {
      const permitMs = permits.delayMs(count);
      return inFlight + ending < most ? permitMs : Math.max(permitMs, count * releaseMs);
    },
    setRate: (perSecond, quotaPerSecond) => permits.setRate(perSecond, quotaPerSecond),
    get rate() {
      return permits.rate;
    },
    pauseUntil(time) {
      const before = permits.pausedUntil;
      permits.pauseUntil(time);
      // Who cannot outlast the pause has to be told now, also while all connections are busy.
      if (inFlight + ending >= most && permits.pausedUntil > before) call();
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
