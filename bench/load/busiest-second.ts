/**
 * Counts arrivals in the busiest second. The second may begin at any time, not only on a clock
 * tick.
 */
export interface BusiestSecond {
  /** Adds an arrival. Times are in milliseconds and must not decrease. */
  arrive(now: number): void;
  /** Returns the most arrivals in a second that ended since the last call. */
  take(): number;
}

/** Creates a counter without arrivals. */
export function createBusiestSecond(): BusiestSecond {
  const times: number[] = [];
  let oldest = 0;
  let most = 0;
  return {
    arrive(now) {
      times.push(now);
      while (now - (times[oldest] ?? now) >= 1_000) oldest += 1;
      most = Math.max(most, times.length - oldest);
      if (oldest <= 1_000) return;
      times.splice(0, oldest);
      oldest = 0;
    },
    take() {
      const taken = most;
      most = 0;
      return taken;
    },
  };
}
