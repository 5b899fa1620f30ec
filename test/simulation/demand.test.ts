/** Simulations of demand below, at and above the quota. */
import { describe, expect, test } from "vitest";
import { bursts, changing, onOff, poisson } from "./demands.ts";
import { measure, mostWithin } from "./measure.ts";
import { rough, steady } from "./networks.ts";
import { type Run, simulate } from "./simulate.ts";
import { fixedWindow, slidingSecond, tokenBucket } from "./upstreams.ts";

const known = { mode: "down-only", ceilingPerSecond: 200 } as const;
const adaptive = { mode: "adaptive" } as const;

const wanted = (run: Run, from = 0): number =>
  run.seconds.slice(from).reduce((sum, second) => sum + second.wanted, 0);

const accepted = (run: Run, from = 0): number =>
  run.seconds.slice(from).reduce((sum, second) => sum + second.accepted, 0);

describe("within a known ceiling of 200 per second", () => {
  test.for([
    ["a demand of 100", poisson(100)],
    ["a demand of 180", poisson(180)],
    ["a demand of 240", poisson(240)],
    ["300 per second with gaps", onOff(300)],
    ["150 per second with gaps", onOff(150)],
    ["50 at once after ten idle seconds", bursts(50, 10_000)],
  ] as const)("a known ceiling of 200 per second serves %s without a refusal", ([, demand]) => {
    for (const create of [() => tokenBucket(200, 20), () => fixedWindow(200, 1_000)]) {
      const run = simulate({
        settings: known,
        upstream: create(),
        network: steady,
        demand,
        seconds: 300,
      });
      const most = Math.min(wanted(run), 200 * 300);
      expect(accepted(run)).toBeGreaterThanOrEqual(0.97 * most);
      // The network makes requests overtake each other: less than one in 10,000 is refused for it.
      expect(measure(run, 200).refusedShare).toBeLessThan(0.0001);
      expect(mostWithin(run.sends, 1_000)).toBeLessThanOrEqual(200);
    }
  });

  test("a client that stood still for 300 ms keeps the quota of each second", () => {
    const stalls = { everyMs: 5_000, lengthMs: 300 };
    const upstream = slidingSecond(200);
    const run = simulate({ settings: known, upstream, network: steady, stalls, seconds: 300 });
    expect(mostWithin(run.sends, 1_000)).toBeLessThanOrEqual(200);
    expect(measure(run, 200).refusedShare).toBeLessThan(0.0005);
    expect(measure(run, 200).goodput).toBeGreaterThanOrEqual(0.9);
  });
});

describe("without demand for the rate there is", () => {
  test.for([
    ["at random", poisson(50)],
    ["with gaps", onOff(75)],
    ["in bursts", bursts(50, 1_000)],
  ] as const)(
    "a search does not go far beyond a demand of 50 per second that comes %s",
    ([, demand]) => {
      const upstream = tokenBucket(1_000, 20);
      // The start value is above the demand, because a queue that is worked off is demand as well.
      const settings = { ...adaptive, initialPerSecond: 60 };
      const run = simulate({ settings, upstream, network: steady, demand, seconds: 1_200 });
      const rates = run.seconds.map(({ rate }) => rate);
      // The last step happened at four fifths of use, and noise may add one step.
      expect(Math.max(...rates)).toBeLessThan((50 / 0.8) * 1.25 * 1.25);
      expect(new Set(rates.slice(600)).size).toBe(1);
      expect(accepted(run, 60) / wanted(run, 60)).toBeGreaterThan(0.99);
    },
  );

  test("a held rate that is not used is not probed", () => {
    const upstream = tokenBucket(200, 20);
    const demand = changing(poisson(1_000), 120_000, poisson(60));
    const run = simulate({ settings: adaptive, upstream, network: steady, demand, seconds: 1_200 });
    const quiet = run.seconds.slice(150);
    expect(new Set(quiet.map(({ rate }) => rate)).size).toBe(1);
    expect(quiet.every(({ phase }) => phase === "hold")).toBe(true);
    expect(quiet.every(({ refused }) => refused === 0)).toBe(true);
  });

  test("a held rate is probed again when the demand returns", () => {
    const upstream = tokenBucket(200, 20);
    const demand = changing(poisson(60), 300_000, poisson(1_000));
    const run = simulate({ settings: adaptive, upstream, network: rough, demand, seconds: 900 });
    expect(measure(run, 200, 600).goodput).toBeGreaterThanOrEqual(0.97);
    expect(measure(run, 200, 600).refusedShare).toBeLessThanOrEqual(0.0005);
  });
});
