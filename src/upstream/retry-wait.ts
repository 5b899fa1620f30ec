import type { CallSignal } from "../call-signal.ts";
import type { Clock } from "../clock.ts";

/** Waits `ms` milliseconds, or until the call ends if that comes first. Never rejects: the signal tells which it was. */
export const retryWait = (ms: number, signal: CallSignal, clock: Clock): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = clock.after(ms, end);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end);
  });
