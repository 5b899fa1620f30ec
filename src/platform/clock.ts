/** Time as everything in the gateway sees it, so that tests can drive it. */
export interface Clock {
  /** Monotonic milliseconds; only differences mean anything. */
  now(): number;
  /** Milliseconds since the Unix epoch. */
  wallNow(): number;
  /** Calls `callback` once after `ms` milliseconds. The timer does not keep the process alive. */
  after(ms: number, callback: () => void): Timer;
}

/** A timer that has been set. */
export interface Timer {
  /** Makes sure that the callback is not called any more. */
  cancel(): void;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  after: (ms, callback) => {
    const timeout = setTimeout(callback, ms).unref();
    return { cancel: () => clearTimeout(timeout) };
  },
};
