/** Simulations of an unknown quota that does not change. */
import { expect, test } from "vitest";
import { measure } from "./measure.ts";
import { rough, steady } from "./networks.ts";
import { simulate } from "./simulate.ts";
import { fixedWindow, penaltyBox, slidingSecond, tokenBucket } from "./upstreams.ts";

const adaptive = { mode: "adaptive" } as const;

/** Goodput and refusals from `warmUp` seconds on. */
function discover(
  rate: number,
  create: (rate: number) => ReturnType<typeof tokenBucket>,
  { seed = 1, network = steady, warmUp = 300, seconds = 1_000 } = {},
) {
  const upstream = create(rate);
  const run = simulate({ settings: adaptive, upstream, network, seconds, seed });
  return { ...measure(run, rate, warmUp), run };
}

const smallBucket = (rate: number) => tokenBucket(rate, 20);
const secondBucket = (rate: number) => tokenBucket(rate, rate);
const fixedSecond = (rate: number) => fixedWindow(rate, 1_000);
const fixedMinute = (rate: number) => fixedWindow(rate, 60_000);
const boxed = (rate: number) => penaltyBox(smallBucket(rate), 10_000);
const trap = (rate: number) => penaltyBox(smallBucket(rate), 10_000, true);
const countsRefusals = (rate: number) => slidingSecond(rate, true);

test.for([
  [100, "a bucket of 20", smallBucket],
  [200, "a bucket of 20", smallBucket],
  [100, "a bucket of one second", secondBucket],
  [300, "a bucket of one second", secondBucket],
  [100, "a fixed second", fixedSecond],
  [200, "a fixed second", fixedSecond],
  [200, "a sliding second", slidingSecond],
  [200, "a sliding second that counts refusals", countsRefusals],
] as const)("a search finds and uses 97 % of %d per second at %s", ([rate, , create]) => {
  for (const seed of [1, 2]) {
    const { goodput, refusedShare } = discover(rate, create, { seed });
    expect(goodput).toBeGreaterThanOrEqual(0.97);
    expect(refusedShare).toBeLessThanOrEqual(0.0005);
  }
});

test("a search finds and uses 97 % of 2,000 per second", () => {
  const { goodput, refusedShare } = discover(2_000, smallBucket, { warmUp: 180, seconds: 280 });
  expect(goodput).toBeGreaterThanOrEqual(0.97);
  expect(refusedShare).toBeLessThanOrEqual(0.0005);
});

// One request is a percent of these quotas: the rate settles lower than elsewhere.
test.for([
  [100, "a sliding second", slidingSecond, 0.955],
  [20, "a bucket of 5", (rate: number) => tokenBucket(rate, 5), 0.97],
] as const)(
  "a search finds and uses most of a small quota of %d per second at %s",
  ([rate, , create, least]) => {
    const { goodput, refusedShare } = discover(rate, create);
    expect(goodput).toBeGreaterThanOrEqual(least);
    expect(refusedShare).toBeLessThanOrEqual(0.0005);
  },
);

test("a search finds and uses 97 % of a bucket on a rough network", () => {
  const { goodput, refusedShare } = discover(200, smallBucket, { network: rough });
  expect(goodput).toBeGreaterThanOrEqual(0.97);
  expect(refusedShare).toBeLessThanOrEqual(0.0005);
});

test("a search finds a quota per minute, which shows only when it is used up", () => {
  const { goodput, refusedShare } = discover(100, fixedMinute, { warmUp: 600, seconds: 2_400 });
  expect(goodput).toBeGreaterThanOrEqual(0.95);
  expect(refusedShare).toBeLessThanOrEqual(0.002);
});

test("a penalty of ten seconds per refusal costs a few percent of the quota", () => {
  const { goodput, refusedShare } = discover(100, boxed, { seconds: 2_400 });
  expect(goodput).toBeGreaterThanOrEqual(0.93);
  expect(refusedShare).toBeLessThanOrEqual(0.0005);
});

test("a lockout ends though each further request prolongs the penalty", () => {
  const { goodput, run } = discover(100, trap, { seconds: 2_400 });
  expect(goodput).toBeGreaterThanOrEqual(0.88);
  expect(run.controller.phase).not.toBe("blackout");
});

test("a lockout gets at most four requests a second", () => {
  const { run } = discover(100, boxed, { seconds: 60, warmUp: 0 });
  const locked = run.seconds.filter(
    ({ phase }, second) => phase === "blackout" && run.seconds[second - 1]?.phase === "blackout",
  );
  expect(locked.length).toBeGreaterThan(5);
  for (const { accepted, refused } of locked) expect(accepted + refused).toBeLessThanOrEqual(5);
});
