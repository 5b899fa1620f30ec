/** The source of time for the whole gateway, so that tests can control it. */
export interface Clock {
  /** Monotonic milliseconds; only differences are meaningful. */
  now(): number;
  /** Milliseconds since the Unix epoch. */
  wallNow(): number;
  /** Calls `callback` once after `ms` milliseconds. The timer does not keep the process alive. */
  after(ms: number, callback: () => void): Timer;
}

/** A pending timer. */
export interface Timer {
  /** Prevents the callback from being called. */
  cancel(): void;
}

/** Node keeps the times of timers in 32 bits. A longer one, such as 30 days, would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  after: (ms, callback) => {
    const timeout = setTimeout(callback, Math.min(ms, longestTimerMs)).unref();
    return { cancel: () => clearTimeout(timeout) };
  },
};
