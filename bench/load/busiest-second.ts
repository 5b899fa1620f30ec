/** How many requests came in the busiest second, wherever it begins: what a count per second of a clock never sees. */
export interface BusiestSecond {
  /** Times are milliseconds and must not go backwards. */
  arrive(now: number): void;
  /** Most arrivals in any second that ended since this was last asked. */
  take(): number;
}

/** Starts without arrivals. */
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
