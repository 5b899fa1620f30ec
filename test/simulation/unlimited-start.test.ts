/** Simulations of a start without a limit. */
import { expect, test } from "vitest";
import { poisson } from "./demands.ts";
import { measure } from "./measure.ts";
import { near, rough, steady } from "./networks.ts";
import { type Scenario, simulate } from "./simulate.ts";
import { fixedWindow, penaltyBox, slidingSecond, tokenBucket } from "./upstreams.ts";

/** Only the number of connections limits what is sent, until the first refusal. */
const start = (scenario: Omit<Scenario, "settings">) =>
  simulate({
    ...scenario,
    settings: { mode: "adaptive", initialPerSecond: Number.POSITIVE_INFINITY },
    connections: 32,
  });

const upstreams = [
  [60, "a bucket of 5", () => tokenBucket(60, 5), steady],
  [60, "a bucket of one second", () => tokenBucket(60, 60), steady],
  [200, "a bucket of 20", () => tokenBucket(200, 20), steady],
  [200, "a bucket of 20 on a rough network", () => tokenBucket(200, 20), rough],
  [60, "a fixed second", () => fixedWindow(60, 1_000), steady],
  [200, "a fixed second", () => fixedWindow(200, 1_000), steady],
  [60, "a sliding second", () => slidingSecond(60), steady],
  [200, "a sliding second", () => slidingSecond(200), steady],
  [200, "a sliding second that counts refusals", () => slidingSecond(200, true), steady],
] as const;

test.for(
  upstreams.flatMap(([quota, name, create, network]) => [
    [quota, name, { create, network, calls: {} }] as const,
    [
      quota,
      `${name} with 300 calls/s`,
      { create, network, calls: { demand: poisson(300) } },
    ] as const,
  ]),
)(
  "a start without a limit uses nine tenths of %d per second after ten seconds at %s",
  ([quota, , { create, network, calls }]) => {
    for (const seed of [1, 2, 3]) {
      const run = start({ upstream: create(), network, ...calls, seconds: 500, seed });
      expect(measure(run, quota, 10, 30).goodput).toBeGreaterThanOrEqual(0.9);
      expect(measure(run, quota, 0, 30).refused).toBeLessThan(150);
      expect(measure(run, quota, 300).goodput).toBeGreaterThanOrEqual(0.95);
      expect(measure(run, quota, 300).refusedShare).toBeLessThanOrEqual(0.0005);
    }
  },
);

test("a start without a limit uses nine tenths of 2,000 per second after ten seconds", () => {
  const run = start({ upstream: tokenBucket(2_000, 100), network: near, seconds: 60 });
  expect(measure(run, 2_000, 10, 30).goodput).toBeGreaterThanOrEqual(0.9);
  expect(measure(run, 2_000, 0, 30).refused).toBeLessThan(1_000);
});

test("the rate stays unlimited where nothing is refused", () => {
  const upstream = tokenBucket(2_000, 100);
  const run = start({ upstream, network: steady, demand: poisson(300), seconds: 60 });
  expect(run.seconds.every(({ rate }) => rate === Number.POSITIVE_INFINITY)).toBe(true);
  expect(measure(run, 2_000).refused).toBe(0);
});

// The first refusal costs ten seconds, and so does the refusal that ends the search.
test.for([
  [60, 5, 0.85],
  [200, 20, 0.8],
] as const)(
  "a start without a limit uses most of %d per second at a bucket of %d with a penalty",
  (it) => {
    const [quota, burst, least] = it;
    for (const seed of [1, 2, 3]) {
      const upstream = penaltyBox(tokenBucket(quota, burst), 10_000);
      const run = start({ upstream, network: steady, seconds: 700, seed });
      expect(measure(run, quota, 120).goodput).toBeGreaterThanOrEqual(least);
      expect(measure(run, quota, 120).refusedShare).toBeLessThanOrEqual(0.002);
    }
  },
);
