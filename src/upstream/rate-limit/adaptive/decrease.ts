/** How far the rate goes down: pure arithmetic over what was answered. */
import type { Finding } from "./quota-estimate.ts";
import { quotaMargin } from "./settings.ts";
import type { LastSecond } from "./response-counter.ts";

/** A rate that is used less than this says nothing about the quota. */
export const leastUse = 0.8;
/** A refusal of the very first requests says little; fewer than these would take long to grow from. */
const leastFoundPerSecond = 10;
const severeRefusals = 3;
const severePart = 0.05;

/** Whether so much was refused in the last second that the quota must have changed, and has to be measured anew. */
export const isSevere = ({ accepted, throttled }: LastSecond): boolean =>
  throttled >= severeRefusals && throttled > severePart * (accepted + throttled);

/** Where the search begins after the first refusal when all went unpaced: at what the last second took. */
export const searchStart = ({ accepted }: LastSecond): number =>
  Math.max(accepted, leastFoundPerSecond) * quotaMargin;

/** The rate that follows from what a estimate found while `rate` was to be sent. */
export function rateFound({ accepted, throttled, usedUpUntil }: Finding, rate: number): number {
  // What was accepted is the quota only if enough was sent to fill it; else it is but a lower bound.
  const isFilled = usedUpUntil !== undefined || accepted + throttled >= leastUse * rate;
  return (isFilled ? accepted : Math.max(accepted, rate / 2)) * quotaMargin;
}

/** Where a search ends that was refused at `sent`, after `safe` had stood its test. */
export const searchEnd = ({ accepted }: LastSecond, safe: number, sent: number): number =>
  Math.min(Math.max(accepted * quotaMargin, safe), sent * quotaMargin);
