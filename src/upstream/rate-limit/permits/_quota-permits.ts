import type { Clock } from "../../../platform/clock.ts";
import { createRateLimiter } from "./rate-limiter.ts";
import type { Permits } from "./permits.ts";
import { createUnlimitedPermits } from "./unlimited-permits.ts";

/**
 * Permits at a rate that may be unknown (`Infinity`): then they are without end, and cost next to nothing. A finite rate
 * starts the mint.
 */
export function createQuotaPermits({ clock, rate }: { clock: Clock; rate: number }): Permits {
  const create = (perSecond: number): Permits =>
    perSecond === Number.POSITIVE_INFINITY
      ? createUnlimitedPermits(clock)
      : createRateLimiter({ clock, rate: perSecond });
  let permits = create(rate);
  let waiter: (() => void) | undefined;
  let isClosed = false;

  const call = (): void => {
    const callback = waiter;
    waiter = undefined;
    callback?.();
  };
  const replace = (perSecond: number): void => {
    const { pausedUntil } = permits;
    const next = create(perSecond);
    permits.close();
    permits = next;
    // A mint knows nothing of what was sent before it, so it starts with nothing to spend.
    permits.pauseUntil(Math.max(pausedUntil, clock.now() + 1_000 / perSecond));
    if (waiter !== undefined) permits.whenAvailable(call);
  };

  return {
    tryTake: () => permits.tryTake(),
    refund: () => permits.refund(),
    recordSentAt: (takenAt, time) => permits.recordSentAt(takenAt, time),
    whenAvailable(callback) {
      waiter = callback;
      permits.whenAvailable(callback === undefined ? undefined : call);
    },
    get ready() {
      return permits.ready;
    },
    delayMs: (count) => permits.delayMs(count),
    setRate(perSecond, quotaPerSecond) {
      if (isClosed) return;
      const isKnown = perSecond !== Number.POSITIVE_INFINITY;
      const wasKnown = permits.rate !== Number.POSITIVE_INFINITY;
      if (isKnown !== wasKnown) replace(perSecond);
      else if (isKnown) permits.setRate(perSecond, quotaPerSecond);
    },
    get rate() {
      return permits.rate;
    },
    pauseUntil: (time) => permits.pauseUntil(time),
    get pausedUntil() {
      return permits.pausedUntil;
    },
    close() {
      isClosed = true;
      waiter = undefined;
      permits.close();
    },
  };
}
