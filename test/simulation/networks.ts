/** One-way delays of messages, in milliseconds. */
import { exponential, normal } from "./random.ts";
import type { Network } from "./simulate.ts";

/** 8 ms and a little more: there and back takes 24 ms on average. */
export const steady: Network = (random) => 8 + exponential(random, 4);

/** Mostly 5 to 40 ms; one message of a hundred takes 300 ms longer. */
export const rough: Network = (random) =>
  14 * Math.exp(0.5 * normal(random)) + (random() < 0.01 ? 300 : 0);

/** In the same region: there and back takes 10 ms on average. */
export const near: Network = (random) => 3 + exponential(random, 2);
