/** The law of a group; `docs/decisions/0015-rate-law.md` compares it with that of one gateway. */
import { expect, test } from "vitest";
import { createGroupRate as createRate } from "./group-rate.ts";
import { measure } from "./measure.ts";
import { steady } from "./networks.ts";
import { simulate } from "./simulate.ts";
import { fixedWindow, penaltyBox, tokenBucket } from "./upstreams.ts";

const shared = { settings: { mode: "adaptive" }, createRate, network: steady } as const;

test.for([
  [100, "a bucket of 20", 0.97, 0.0005, () => tokenBucket(100, 20)],
  [100, "a fixed second", 0.97, 0.0005, () => fixedWindow(100, 1_000)],
  // While every refused recovery probe lowered the quota, 1 % and 16 % of these two were used.
  [100, "a fixed minute", 0.95, 0.02, () => fixedWindow(100, 60_000)],
  [100, "a bucket with a penalty", 0.75, 0.01, () => penaltyBox(tokenBucket(100, 20), 10_000)],
] as const)(
  "a group finds and uses most of %d per second at %s",
  ([quota, , least, most, create]) => {
    const run = simulate({ ...shared, upstream: create(), seconds: 2_400 });
    expect(measure(run, quota, 600).goodput).toBeGreaterThanOrEqual(least);
    expect(measure(run, quota, 600).refusedShare).toBeLessThanOrEqual(most);
  },
);

test("a group follows a drop from 200 to 50 per second within fifteen seconds", () => {
  const upstream = tokenBucket(200, 20);
  const run = simulate({ ...shared, upstream, seconds: 400, steps: [[240_000, 50]] });
  expect(measure(run, 50, 255, 400).refusedShare).toBeLessThan(0.01);
  expect(measure(run, 50, 255, 400).goodput).toBeGreaterThanOrEqual(0.9);
});
