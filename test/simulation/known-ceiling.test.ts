/** Simulations of a known ceiling. */
import { expect, test } from "vitest";
import { measure } from "./measure.ts";
import { rough, steady } from "./networks.ts";
import { type Scenario, simulate } from "./simulate.ts";
import { fixedWindow, penaltyBox, slidingSecond, tokenBucket } from "./upstreams.ts";

const upstreams = {
  "a bucket of 20": (rate: number) => tokenBucket(rate, 20),
  "a bucket of one second": (rate: number) => tokenBucket(rate, rate),
  "a fixed second": (rate: number) => fixedWindow(rate, 1_000),
  "a fixed minute": (rate: number) => fixedWindow(rate, 60_000),
  "a bucket with a penalty": (rate: number) => penaltyBox(tokenBucket(rate, 20), 10_000),
};

const known = (rate: number): Scenario["settings"] => {
  return { mode: "down-only", ceilingPerSecond: rate };
};

test.for(
  Object.entries(upstreams).flatMap(([name, create]) =>
    [100, 300, 2_000].map((rate) => [rate, name, create] as const),
  ),
)(
  "a known ceiling of %d per second is used to 98 % without a refusal at %s",
  ([rate, , create]) => {
    for (const seed of [1, 2]) {
      const seconds = rate === 2_000 ? 20 : 120;
      const upstream = create(rate);
      const run = simulate({ settings: known(rate), upstream, network: steady, seconds, seed });
      const { goodput, refused } = measure(run, rate);
      expect(goodput).toBeGreaterThanOrEqual(0.98);
      expect(refused).toBe(0);
    }
  },
);

test.for([100, 300])(
  "a bucket of 20 on a rough network refuses nothing at a known ceiling of %d per second",
  (rate) => {
    const upstream = tokenBucket(rate, 20);
    const run = simulate({ settings: known(rate), upstream, network: rough, seconds: 300 });
    const { goodput, refused } = measure(run, rate);
    expect(goodput).toBeGreaterThanOrEqual(0.98);
    expect(refused).toBe(0);
  },
);

// A few requests that overtake each other are more than 1.5 % of 100: the network decides here.
test.for([
  [100, 0.965],
  [300, 0.975],
  [2_000, 0.98],
] as const)(
  "a known ceiling has at most 0.05 % refusals at a sliding second of %d",
  ([rate, least]) => {
    const seconds = rate === 2_000 ? 30 : 300;
    const upstream = slidingSecond(rate);
    const run = simulate({ settings: known(rate), upstream, network: steady, seconds });
    const { goodput, refusedShare } = measure(run, rate);
    expect(goodput).toBeGreaterThanOrEqual(least);
    expect(refusedShare).toBeLessThanOrEqual(0.0005);
  },
);

test("a known ceiling is never exceeded, though the upstream would accept more", () => {
  const upstream = tokenBucket(1_000, 20);
  const run = simulate({ settings: known(100), upstream, network: steady, seconds: 600 });
  expect(Math.max(...run.seconds.map(({ rate }) => rate))).toBe(98.5);
});
