/**
 * The way back to the full rate after an outage: a quarter of it first, a quarter more each second.
 * Without it all callers of all gateways would come back at once.
 */

/** A restart under way. */
export interface SlowRestart {
  /** Requests per second that are allowed now. */
  readonly limit: number;
  /** When the limit was raised last, in milliseconds. */
  readonly raisedAt: number;
}

const firstShare = 0.25;
const leastPerSecond = 5;
const factor = 1.25;
const stepMs = 1_000;

/** Begins a restart. Returns `undefined` if `fullRate` is so low (5) that it needs none. */
export function startSlowRestart(now: number, fullRate: number): SlowRestart | undefined {
  const limit = Math.max(firstShare * fullRate, leastPerSecond);
  return limit < fullRate ? { limit, raisedAt: now } : undefined;
}

/** Raises the limit once per second that has passed. Returns `undefined` at `fullRate`. */
export function continueSlowRestart(
  restart: SlowRestart,
  now: number,
  fullRate: number,
): SlowRestart | undefined {
  let { limit, raisedAt } = restart;
  for (; now - raisedAt >= stepMs && limit < fullRate; raisedAt += stepMs) limit *= factor;
  return limit < fullRate ? { limit, raisedAt } : undefined;
}
