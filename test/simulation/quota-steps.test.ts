/** Simulations of a quota that changes abruptly. */
import { describe, expect, test } from "vitest";
import { measure } from "./measure.ts";
import { rough, steady } from "./networks.ts";
import { type Run, type Scenario, simulate } from "./simulate.ts";
import { fixedWindow, type SimulatedUpstream, slidingSecond, tokenBucket } from "./upstreams.ts";

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

describe.for(settings)("changes of %s", ([name, law]) => {
  test.for([
    ["a bucket of 20", () => tokenBucket(200, 20), steady],
    ["a bucket of 20 on a rough network", () => tokenBucket(200, 20), rough, 0.015],
    // The tokens in the bucket hide for seconds that the rate is too high.
    ["a bucket of 200", () => tokenBucket(200, 200), steady, 0.01, 0.002],
  ] as const)(
    `with ${name} the rate follows %s from 200 to 50 per second in two seconds, and up to 400`,
    ([, create, network, most = 0.01, mostLater = 0.001]) => {
      const run = stepping({ settings: law, upstream: create(), network });
      expect(measure(run, 50, dropAt + 2, dropAt + 12).refusedShare).toBeLessThan(most);
      expect(measure(run, 50, dropAt + 10, dropAt + 70).goodput).toBeGreaterThanOrEqual(0.95);
      expect(measure(run, 50, dropAt + 10, riseAt).refusedShare).toBeLessThan(mostLater);
      expect(secondsToRecover(run)).toBeLessThanOrEqual(longestHold + 120);
    },
  );

  test.for([
    ["a fixed second", () => fixedWindow(200, 1_000)],
    ["a sliding second", () => slidingSecond(200)],
    // Refused requests take the place of accepted ones and look like a lower quota at first.
    ["a sliding second that counts refusals", () => slidingSecond(200, true), 0.93],
  ] as const)(
    `with ${name} the rate follows %s from 200 to 50 per second in two seconds, and up to 400`,
    ([, create, least = 0.95]) => {
      const run = stepping({ settings: law, upstream: create(), network: steady });
      expect(measure(run, 50, dropAt, dropAt + 2).refused).toBeLessThan(60);
      expect(measure(run, 50, dropAt + 2, dropAt + 12).refusedShare).toBeLessThan(0.01);
      expect(measure(run, 50, dropAt + 10, dropAt + 70).goodput).toBeGreaterThanOrEqual(least);
      expect(measure(run, 50, dropAt + 12, riseAt).refusedShare).toBeLessThan(0.001);
      expect(secondsToRecover(run)).toBeLessThanOrEqual(longestHold + 120);
    },
  );
});

/** The shares of refusals from two to twelve seconds after each of twenty drops, in order. */
function drops(from: number, to: number, create: () => SimulatedUpstream) {
  const shares: number[] = [];
  for (let turn = 0; turn < 20; turn++) {
    const at = 10_000 + turn * 50;
    const upstream = create();
    let accepted = 0;
    let refused = 0;
    const accepts = (now: number): boolean => {
      const isAccepted = upstream.accepts(now);
      if (now < at + 2_000) return isAccepted;
      if (isAccepted) accepted += 1;
      else refused += 1;
      return isAccepted;
    };
    simulate({
      settings: { mode: "down-only", ceilingPerSecond: from },
      upstream: { accepts, setQuota: (next, now) => upstream.setQuota(next, now) },
      network: steady,
      seconds: at / 1_000 + 12,
      seed: turn + 1,
      steps: [[at, to]],
    });
    expect(accepted).toBeGreaterThanOrEqual(0.8 * 10 * to);
    shares.push(refused / (accepted + refused));
  }
  return shares.toSorted((one, other) => one - other);
}

test("late refusals of a drop do not lower the rate that was found", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const run = simulate({
      settings: { mode: "down-only", ceilingPerSecond: 400 },
      upstream: tokenBucket(200, 20),
      network: rough,
      seconds: 90,
      seed,
      steps: [[60_000 + seed * 17, 50]],
    });
    expect(measure(run, 50, 65, 90).goodput).toBeGreaterThanOrEqual(0.9);
  }
});

describe("drops at twenty moments of a second", () => {
  test.for([
    [200, 50, "a bucket", (rate: number) => tokenBucket(rate, rate / 10), 0.01],
    [100, 60, "a bucket", (rate: number) => tokenBucket(rate, rate / 10), 0.01],
    [200, 150, "a bucket", (rate: number) => tokenBucket(rate, rate / 10), 0.01],
    [60, 20, "a bucket", (rate: number) => tokenBucket(rate, rate / 10), 0.01],
    [200, 50, "a sliding second", slidingSecond, 0.01],
    [100, 60, "a sliding second", slidingSecond, 0.01],
    [60, 20, "a sliding second", slidingSecond, 0.01],
    // A single refusal in each second is most of a percent here.
    [200, 150, "a sliding second", slidingSecond, 0.015],
  ] as const)(
    "a drop from %d to %d causes at most 1.5 % refusals at %s after two seconds",
    (scenario) => {
      const [from, to, , create, most] = scenario;
      expect(drops(from, to, () => create(from)).at(-1)).toBeLessThan(most);
    },
  );

  test.for([
    [200, 50, 0.001, 0.01],
    [100, 60, 0.001, 0.01],
    [60, 20, 0.001, 0.01],
    // The beginning of a window is invisible while everything is refused: parts of two windows may
    // be taken for one.
    [200, 150, 0.001, 0.03],
    [1_000, 300, 0.001, 0.03],
  ] as const)(
    "a drop from %d to %d causes few refusals at a fixed second after two seconds",
    (scenario) => {
      const [from, to, median, most] = scenario;
      const shares = drops(from, to, () => fixedWindow(from, 1_000));
      expect(shares[10]).toBeLessThan(median);
      expect(shares.at(-1)).toBeLessThan(most);
    },
  );
});

test("the rate follows a quota from 100 to 60 and to 140 per second", () => {
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
