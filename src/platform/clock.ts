/** The source of time for the whole gateway, so that tests can control it. */
export interface Clock {
  /** Monotonic milliseconds; only differences are meaningful. */
  now(): number;
  /** Milliseconds since the Unix epoch. */
  wallNow(): number;
  /**
   * Calls `callback` once, when `now()` has advanced by at least `ms` milliseconds. The timer does
   * not keep the process alive.
   */
  after(ms: number, callback: () => void): Timer;
}

/** A pending timer. */
export interface Timer {
  /** Prevents the callback from being called. */
  cancel(): void;
}

/** Node keeps the times of timers in 32 bits. A longer one, such as 30 days, would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

const setNodeTimer = (callback: () => void, ms: number): NodeJS.Timeout =>
  setTimeout(callback, Math.min(Math.ceil(ms), longestTimerMs)).unref();

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  after: (ms, callback) => {
    // Node counts from the start of the current turn of the event loop, so its timers fire early.
    const dueAt = performance.now() + ms;
    const fire = (): void => {
      const leftMs = dueAt - performance.now();
      if (leftMs <= 0) callback();
      else timeout = setNodeTimer(fire, leftMs);
    };
    let timeout = setNodeTimer(fire, ms);
    return { cancel: () => clearTimeout(timeout) };
  },
};
