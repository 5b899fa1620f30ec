/** Waiting that ends with the call. */
import { callEnd, type CallEnd } from "../call-ended.ts";
import type { CallSignal } from "../call-signal.ts";
import type { Clock } from "../clock.ts";
import { UpstreamError, type UpstreamErrorCode } from "../upstream/error.ts";

const codes: Readonly<Record<CallEnd, UpstreamErrorCode>> = {
  cancelled: "CANCELLED",
  deadline: "DEADLINE",
  shutdown: "SHUTDOWN",
};

/** That a call ended; `sent`: while somebody else may have been carrying out what it asked for. */
export const endedWaiting = (signal: CallSignal, sent: boolean): UpstreamError =>
  new UpstreamError(codes[callEnd(signal)], "the call ended while an earlier one was waited for", {
    sent,
  });

/** What `promise` gives, or, as soon as `signal` is aborted, `undefined`. */
export function untilAborted<T>(promise: Promise<T>, signal: CallSignal): Promise<T | undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const stop = (): void => resolve(undefined);
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** Resolves after `ms` milliseconds, or as soon as `signal` is aborted. */
export function pause(ms: number, signal: CallSignal, clock: Pick<Clock, "after">): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const wake = (): void => {
      timer.cancel();
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const timer = clock.after(ms, wake);
    signal.addEventListener("abort", wake, { once: true });
  });
}
