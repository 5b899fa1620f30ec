/** Time in the emulator: the emulated clock, dates as Key Protect writes them, and real pauses. */

/**
 * The emulated time: the machine's wall clock plus an offset. The offset can be moved forward, so
 * that a test of a rule that spans days does not wait for days.
 */
export interface EmulatorClock {
  /** The emulated time, in milliseconds since the Unix epoch. */
  now(): number;
  /** How far the emulated time is ahead of the machine's, in milliseconds. */
  readonly offsetMs: number;
  /**
   * Moves the emulated time forward by `ms` milliseconds. Token lifetimes, key timers, expirations
   * and quotas follow. Throws a RangeError for a negative or non-finite amount.
   */
  advance(ms: number): void;
  /** Sets the offset to 0. */
  reset(): void;
}

/** Creates a clock over `wallNow` (default: the machine's). */
export function createEmulatorClock(wallNow: () => number = Date.now): EmulatorClock {
  let offsetMs = 0;
  return {
    now: () => wallNow() + offsetMs,
    get offsetMs() {
      return offsetMs;
    },
    advance(ms) {
      if (!Number.isFinite(ms) || ms < 0) {
        throw new RangeError(`the emulated clock moves forward only, not by ${ms} ms`);
      }
      offsetMs += ms;
    },
    reset() {
      offsetMs = 0;
    },
  };
}

/** Formats a time as Key Protect does: RFC 3339 in UTC, in whole seconds. */
export function toVendorDate(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** Reads a date with a time, as RFC 3339 defines it. Returns `NaN` for anything else. */
export function parseDateTime(text: string): number {
  const isDateTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text);
  return isDateTime ? Date.parse(text) : Number.NaN;
}

/** Pauses in real time. They end early when the emulator closes, so that no timer outlives it. */
export interface Pauses {
  /** Resolves after `ms` real milliseconds, or when `release` is called. */
  pause(ms: number): Promise<void>;
  /** Ends every pause. Later pauses end immediately. */
  release(): void;
}

/** Creates the pauses of one emulator. */
export function createPauses(): Pauses {
  const pending = new Set<() => void>();
  let isReleased = false;
  return {
    pause: (ms) =>
      new Promise((resolve) => {
        if (isReleased) {
          resolve();
          return;
        }
        const finish = (): void => {
          clearTimeout(timeout);
          pending.delete(finish);
          resolve();
        };
        const timeout = setTimeout(finish, ms);
        pending.add(finish);
      }),
    release() {
      isReleased = true;
      for (const finish of pending) finish();
    },
  };
}
