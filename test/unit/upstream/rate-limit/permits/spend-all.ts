/** Helpers that spend all permits and measure how many were spent within a second. */
import { systemClock } from "../../../../../src/platform/clock.ts";
import type { Permits } from "../../../../../src/upstream/rate-limit/permits/permits.ts";

/** Spends each permit as soon as it is available. Returns the times. */
export function spendAll(permits: Permits): number[] {
  const times: number[] = [];
  const spend = (): void => {
    while (permits.tryTake()) times.push(systemClock.now());
    permits.whenAvailable(spend);
  };
  spend();
  return times;
}

/** The largest number of sends within one second. */
export function densestSecond(times: readonly number[]): number {
  let densest = 0;
  let first = 0;
  for (const [last, at] of times.entries()) {
    while ((times[first] ?? at) <= at - 1_000) first += 1;
    densest = Math.max(densest, last - first + 1);
  }
  return densest;
}
