/** How long the gateway may work on a call, derived from the caller's deadline. */
import type { Deadline } from "@grpc/grpc-js";

/** How much of a caller's time the gateway reserves for its response. */
export interface DeadlineRules {
  /** Longest time that any call gets, in milliseconds. */
  readonly maxMs: number;
  /** Minimum margin before the caller's own deadline, in milliseconds. */
  readonly leastMarginMs: number;
  /** The margin as a share of the remaining time, from 0 to 1. */
  readonly marginShare: number;
  /** Maximum of that share, in milliseconds. */
  readonly mostMarginMs: number;
}

/**
 * The measured rules. A response less than 20 ms before the caller's deadline arrives too late in
 * some calls. A caller whose deadline passes resets its stream, and enough resets in a row close
 * the connection for all its calls.
 */
export const defaultDeadlineRules: DeadlineRules = {
  maxMs: 60_000,
  leastMarginMs: 25,
  marginShare: 0.02,
  mostMarginMs: 100,
};

/**
 * Milliseconds from `wallNow` until a deadline of grpc-js; `Infinity` if the caller sent none.
 */
export function remainingMs(deadline: Deadline, wallNow: number): number {
  return (typeof deadline === "number" ? deadline : deadline.getTime()) - wallNow;
}

/**
 * Time that the gateway may work on a call, in milliseconds: `remaining` minus a margin, or
 * `defaultMs` if the caller sent no deadline, and at most `maxMs` of the rules. Zero or negative
 * means that the time is too short to start.
 */
export function allowedMs(remaining: number, defaultMs: number, rules: DeadlineRules): number {
  if (remaining === Infinity) return Math.min(defaultMs, rules.maxMs);
  const grown = Math.min(remaining * rules.marginShare, rules.mostMarginMs);
  return Math.min(remaining - Math.max(rules.leastMarginMs, grown), rules.maxMs);
}
