import type { Deadline } from "@grpc/grpc-js";

/** How much of a caller's time the gateway takes for itself. */
export interface DeadlineRules {
  /** Longest time any call gets, in milliseconds. */
  readonly maxMs: number;
  /** Least margin before the caller's own deadline, in milliseconds. */
  readonly leastMarginMs: number;
  /** Share of the remaining time that the margin grows to, from 0 to 1. */
  readonly marginShare: number;
  /** Where that growth ends, in milliseconds. */
  readonly mostMarginMs: number;
}

/**
 * The measured rules. An answer that leaves less than 20 ms before the caller's deadline arrives too late in some
 * calls; and a caller that expires first resets its stream, and enough resets in a row close the connection for all
 * its calls.
 */
export const defaultDeadlineRules: DeadlineRules = {
  maxMs: 60_000,
  leastMarginMs: 25,
  marginShare: 0.02,
  mostMarginMs: 100,
};

/** Milliseconds from `wallNow` until the deadline as grpc-js gives it; `Infinity` if the caller sent none. */
export function remainingMs(deadline: Deadline, wallNow: number): number {
  return (typeof deadline === "number" ? deadline : deadline.getTime()) - wallNow;
}

/**
 * How long the gateway may work on a call, in milliseconds: a margin less than `remaining`, or `defaultMs` for a caller
 * that sent no deadline, and never more than the rules allow. Zero or negative: there is no time to even try.
 */
export function allowedMs(remaining: number, defaultMs: number, rules: DeadlineRules): number {
  if (remaining === Infinity) return Math.min(defaultMs, rules.maxMs);
  const grown = Math.min(remaining * rules.marginShare, rules.mostMarginMs);
  return Math.min(remaining - Math.max(rules.leastMarginMs, grown), rules.maxMs);
}
