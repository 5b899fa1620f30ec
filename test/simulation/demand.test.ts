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
    ["half of it", poisson(100)],
    ["nine tenths of it", poisson(180)],
    ["more than it", poisson(240)],
    ["it in spells", onOff(300)],
    ["little in spells", onOff(150)],
    ["50 at once after ten idle seconds", bursts(50, 10_000)],
  ] as const)("serves %s without a refusal", ([, demand]) => {
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
      // Random overtaking at the edge of a window is the network's; it stays below one in ten thousand.
      expect(measure(run, 200).refusedShare).toBeLessThan(0.0001);
      expect(mostWithin(run.sends, 1_000)).toBeLessThanOrEqual(200);
    }
  });

  test("keeps the window after standing still for 300 ms", () => {
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
    ["random", poisson(50)],
    ["in spells", onOff(75)],
    ["in bursts", bursts(50, 1_000)],
  ] as const)("does not search far beyond a demand of 50 per second, %s", ([, demand]) => {
    const upstream = tokenBucket(1_000, 20);
    // It starts above the demand: a queue that has to be worked off is demand as well.
    const settings = { ...adaptive, initialPerSecond: 60 };
    const run = simulate({ settings, upstream, network: steady, demand, seconds: 1_200 });
    const rates = run.seconds.map(({ rate }) => rate);
    // The last raise happened at four fifths of use, and noise may add one step.
    expect(Math.max(...rates)).toBeLessThan((50 / 0.8) * 1.25 * 1.25);
    expect(new Set(rates.slice(600)).size).toBe(1);
    expect(accepted(run, 60) / wanted(run, 60)).toBeGreaterThan(0.99);
  });

  test("does not probe in a hold that is not used", () => {
    const upstream = tokenBucket(200, 20);
    const demand = changing(poisson(1_000), 120_000, poisson(60));
    const run = simulate({ settings: adaptive, upstream, network: steady, demand, seconds: 1_200 });
    const quiet = run.seconds.slice(150);
    expect(new Set(quiet.map(({ rate }) => rate)).size).toBe(1);
    expect(quiet.every(({ phase }) => phase === "hold")).toBe(true);
    expect(quiet.every(({ refused }) => refused === 0)).toBe(true);
  });

  test("goes on probing when the demand comes back", () => {
    const upstream = tokenBucket(200, 20);
    const demand = changing(poisson(60), 300_000, poisson(1_000));
    const run = simulate({ settings: adaptive, upstream, network: rough, demand, seconds: 900 });
    expect(measure(run, 200, 600).goodput).toBeGreaterThanOrEqual(0.97);
    expect(measure(run, 200, 600).refusedShare).toBeLessThanOrEqual(0.0005);
  });
});
