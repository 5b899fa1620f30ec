/** Sums over simulated runs. */
import type { Run } from "./simulate.ts";

export interface Measure {
  /** Accepted requests as a share of the quota. */
  readonly goodput: number;
  /** Refused requests as a share of all. */
  readonly refusedShare: number;
  readonly refused: number;
}

/** Sums up the seconds of a run from `from` (inclusive) to `to` (exclusive). */
export function measure(run: Run, quota: number, from = 0, to = run.seconds.length): Measure {
  let accepted = 0;
  let refused = 0;
  for (const second of run.seconds.slice(from, to)) {
    accepted += second.accepted;
    refused += second.refused;
  }
  return {
    goodput: accepted / (quota * (to - from)),
    refusedShare: refused / Math.max(1, accepted + refused),
    refused,
  };
}

/** The most requests that left within a window of `windowMs` milliseconds, its end excluded. */
export function mostWithin(sends: readonly number[], windowMs: number): number {
  let most = 0;
  let first = 0;
  for (const [index, at] of sends.entries()) {
    while ((sends[first] ?? at) <= at - windowMs) first += 1;
    most = Math.max(most, index - first + 1);
  }
  return most;
}
