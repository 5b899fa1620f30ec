import { describe, expect, test } from "vitest";
import { measure } from "./measure.ts";
import { rough, steady } from "./networks.ts";
import { type Run, type Scenario, simulate } from "./simulate.ts";
import { fixedWindow, slidingSecond, tokenBucket } from "./upstreams.ts";

const dropAt = 240;
const riseAt = 600;
const longestHold = 300;

const stepping = (scenario: Pick<Scenario, "settings" | "upstream" | "network">): Run =>
  simulate({
    ...scenario,
    seconds: riseAt + longestHold + 130,
    steps: [
      [dropAt * 1_000, 50],
      [riseAt * 1_000, 400],
    ],
  });

/** Seconds from the rise until five seconds in a row make 95 % of it together. */
function secondsToRecover(run: Run): number {
  for (let second = riseAt; second < run.seconds.length - 5; second++) {
    if (measure(run, 400, second, second + 5).goodput >= 0.95) return second + 5 - riseAt;
  }
  return Number.POSITIVE_INFINITY;
}

const settings = [
  ["an unknown quota", { mode: "adaptive" }],
  ["a ceiling of 400", { mode: "down-only", ceilingPerSecond: 400 }],
] as const;

describe.for(settings)("from 200 to 50 to 400 per second with %s", ([, law]) => {
  test.for([
    ["a bucket of 20", () => tokenBucket(200, 20), steady],
    ["a bucket of 20 on a rough network", () => tokenBucket(200, 20), rough],
    ["a bucket of 200", () => tokenBucket(200, 200), steady],
  ] as const)("follows %s within two seconds down, and up again", ([, create, network]) => {
    const run = stepping({ settings: law, upstream: create(), network });
    expect(measure(run, 50, dropAt + 2, dropAt + 12).refusedShare).toBeLessThan(0.01);
    expect(measure(run, 50, dropAt + 10, dropAt + 70).goodput).toBeGreaterThanOrEqual(0.95);
    expect(measure(run, 50, dropAt + 10, riseAt).refusedShare).toBeLessThan(0.001);
    expect(secondsToRecover(run)).toBeLessThanOrEqual(longestHold + 120);
  });

  // The window that is full when the quota drops refuses everything for a while: how much it lets in shows only later.
  test.for([
    ["a fixed second", () => fixedWindow(200, 1_000)],
    ["a sliding second", () => slidingSecond(200)],
  ] as const)("follows %s within six seconds down, and up again", ([, create]) => {
    const run = stepping({ settings: law, upstream: create(), network: steady });
    expect(measure(run, 50, dropAt, dropAt + 10).refused).toBeLessThan(120);
    expect(measure(run, 50, dropAt + 12, dropAt + 42).refusedShare).toBeLessThan(0.01);
    expect(measure(run, 50, dropAt + 12, riseAt).goodput).toBeGreaterThanOrEqual(0.9);
    expect(secondsToRecover(run)).toBeLessThanOrEqual(longestHold + 120);
  });
});

test("follows a quota from 100 to 60 and to 140 per second", () => {
  const run = simulate({
    settings: { mode: "adaptive" },
    upstream: tokenBucket(100, 20),
    network: steady,
    seconds: 1_100,
    steps: [
      [300_000, 60],
      [600_000, 140],
    ],
  });
  expect(measure(run, 60, 302, 312).refusedShare).toBeLessThan(0.01);
  expect(run.seconds[310]?.rate).toBeGreaterThanOrEqual(0.95 * 60);
  expect(measure(run, 140, 1_020, 1_100).goodput).toBeGreaterThanOrEqual(0.95);
});
