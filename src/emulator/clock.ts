/** The emulator's time: the machine's wall clock plus an offset that can be moved forward, so that no caller has to wait for a rule of days. */
export interface EmulatorClock {
  /** Milliseconds since the Unix epoch, as the emulated service sees them. */
  now(): number;
  /** How far the emulated service is ahead of the machine, in milliseconds. */
  readonly offsetMs: number;
  /**
   * Moves the emulated time forward by `ms` milliseconds. Token lifetimes, key timers, expirations and quotas follow.
   * Throws a RangeError for a negative or non-finite amount.
   */
  advance(ms: number): void;
  /** Puts the emulated time back onto the machine's. */
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

/** Renders a time as Key Protect does: RFC 3339 in UTC, whole seconds. */
export function toVendorDate(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
