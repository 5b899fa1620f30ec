import type { Clock } from "../clock.ts";
import { createPermitMint } from "./permit-mint.ts";
import type { Permits } from "./permits.ts";
import { createUnpacedPermits } from "./unpaced-permits.ts";

/**
 * Permits at a rate that may be unknown (`Infinity`) at first: then they are without end, and cost next to nothing. The
 * first finite rate starts the mint, for good.
 */
export function createQuotaPermits({ clock, rate }: { clock: Clock; rate: number }): Permits {
  if (rate !== Number.POSITIVE_INFINITY) return createPermitMint({ clock, rate });
  let permits = createUnpacedPermits(clock);
  let waiter: (() => void) | undefined;

  const call = (): void => {
    const callback = waiter;
    waiter = undefined;
    callback?.();
  };
  const start = (perSecond: number): void => {
    const { pausedUntil } = permits;
    permits.close();
    permits = createPermitMint({ clock, rate: perSecond });
    // The mint knows nothing of what was sent before it, so it starts with nothing to spend.
    permits.pauseUntil(Math.max(pausedUntil, clock.now() + 1_000 / perSecond));
    if (waiter !== undefined) permits.whenAvailable(call);
  };

  return {
    tryTake: () => permits.tryTake(),
    refund: () => permits.refund(),
    whenAvailable(callback) {
      waiter = callback;
      permits.whenAvailable(callback === undefined ? undefined : call);
    },
    delayMs: (count) => permits.delayMs(count),
    setRate(perSecond) {
      if (permits.rate !== Number.POSITIVE_INFINITY) permits.setRate(perSecond);
      else if (perSecond !== Number.POSITIVE_INFINITY) start(perSecond);
    },
    get rate() {
      return permits.rate;
    },
    pauseUntil: (time) => permits.pauseUntil(time),
    get pausedUntil() {
      return permits.pausedUntil;
    },
    close() {
      waiter = undefined;
      permits.close();
    },
  };
}
