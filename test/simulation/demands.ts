/** Demands: the times at which calls arrive. */
import { exponential } from "./random.ts";

/** Returns the time of the call after `after`, in milliseconds; `undefined` for no more calls. */
export type Demand = (after: number, random: () => number) => number | undefined;

/** Calls at random times, `perSecond` on average. */
export const poisson =
  (perSecond: number): Demand =>
  (after, random) =>
    after + exponential(random, 1000 / perSecond);

/** Calls at random times for 1.3 s, then none for 0.7 s. */
export const onOff =
  (perSecond: number): Demand =>
  (after, random) => {
    const next = after + exponential(random, 1000 / perSecond);
    return next % 2000 < 1300 ? next : Math.floor(next / 2000 + 1) * 2000 + random();
  };

/** `size` calls at once, every `everyMs`. */
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

/** The first demand before `atMs`, the second after it. */
export const changing =
  (first: Demand, atMs: number, second: Demand): Demand =>
  (after, random) => {
    const next = after < atMs ? first(after, random) : after;
    return next !== undefined && next < atMs ? next : second(Math.max(after, atMs), random);
  };
