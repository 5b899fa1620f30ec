/** Waiting that can end early. No function leaves a listener or timer. */
import type { CallSignal } from "./call-signal.ts";
import type { Clock, Timer } from "./clock.ts";

/**
 * Resolves after `ms` milliseconds, or as soon as `signal` is aborted. Never rejects: check
 * `signal.aborted` to see which of the two happened.
 */
export function sleep(ms: number, signal: CallSignal, clock: Pick<Clock, "after">): Promise<void> {
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

/**
 * Settles as `promise` does, or rejects with `onAbort()` as soon as `signal` is aborted. An abort
 * does not stop the work behind the promise.
 */
export function raceSignal<T>(
  promise: Promise<T>,
  signal: CallSignal,
  onAbort: () => Error,
): Promise<T> {
  if (signal.aborted) return Promise.reject(onAbort());
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(onAbort());
    signal.addEventListener("abort", leave, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}

/** Resolves when `promise`, which never rejects, settles, or after `ms` milliseconds. */
export async function settlesWithin(
  clock: Pick<Clock, "after">,
  ms: number,
  promise: Promise<unknown>,
): Promise<void> {
  let timer: Timer | undefined;
  const late = new Promise<void>((resolve) => {
    timer = clock.after(ms, resolve);
  });
  await Promise.race([promise, late]);
  timer?.cancel();
}
