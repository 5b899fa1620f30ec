/** What callers want, as the times at which calls come in. */
import { exponential } from "./random.ts";

/** Gives the time of the call after the one at `after`, in milliseconds; `undefined` for no more. */
export type Demand = (after: number, random: () => number) => number | undefined;

/** Comes in at random, that many per second on average. */
export const poisson =
  (perSecond: number): Demand =>
  (after, random) =>
    after + exponential(random, 1000 / perSecond);

/** Comes in at random for 1.3 s, then not at all for 0.7 s. */
export const onOff =
  (perSecond: number): Demand =>
  (after, random) => {
    const next = after + exponential(random, 1000 / perSecond);
    return next % 2000 < 1300 ? next : Math.floor(next / 2000 + 1) * 2000 + random();
  };

/** Comes in `size` at a time, that often. */
export function bursts(size: number, everyMs: number): Demand {
  let left = 0;
  return (after) => {
    if (left > 0) {
      left -= 1;
      return after;
    }
    left = size - 1;
    return (Math.floor(after / everyMs) + 1) * everyMs;
  };
}

/** What the first wants before that time, what the second wants after it. */
export const changing =
  (first: Demand, atMs: number, second: Demand): Demand =>
  (after, random) => {
    const next = after < atMs ? first(after, random) : after;
    return next !== undefined && next < atMs ? next : second(Math.max(after, atMs), random);
  };
