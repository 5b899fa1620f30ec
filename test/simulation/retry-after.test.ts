/** Simulations of refusals with a Retry-After. */
import { expect, test } from "vitest";
import { measure } from "./measure.ts";
import { steady } from "./networks.ts";
import { type Run, simulate } from "./simulate.ts";
import { penaltyBox, tokenBucket } from "./upstreams.ts";

const adaptive = { mode: "adaptive" } as const;

/** The times at which nothing had been sent for at least `ms` before. */
const restarts = ({ sends }: Run, ms: number): { at: number; after: number }[] =>
  sends.flatMap((at, index) => {
    const before = sends[index - 1];
    return before !== undefined && at - before >= ms ? [{ at, after: at - before }] : [];
  });

test("a Retry-After of ten seconds is kept, and a single request follows it", () => {
  const upstream = penaltyBox(tokenBucket(100, 20), 10_000);
  const run = simulate({
    settings: adaptive,
    upstream,
    network: steady,
    retryAfterMs: () => 10_000,
    seconds: 600,
  });
  const pauses = restarts(run, 9_000);
  expect(pauses.length).toBeGreaterThan(0);
  for (const { at, after } of pauses) {
    // The pause may be a tenth longer than asked for, plus the time of the active requests.
    expect(after).toBeGreaterThanOrEqual(10_000);
    expect(after).toBeLessThan(11_200);
    expect(run.sends.filter((sent) => sent >= at && sent < at + 5)).toHaveLength(1);
  }
  expect(measure(run, 100, 60).refusedShare).toBeLessThan(0.001);
});

test.for([
  ["a second", () => 1_000],
  ["none", () => undefined],
  ["zero", () => 0],
  [
    "a second in every other refusal",
    (now: number) => (Math.floor(now) % 2 === 0 ? 1_000 : undefined),
  ],
] as const)(
  "a search uses 97 % of the quota where refusals carry a Retry-After of %s",
  ([, retryAfterMs]) => {
    const upstream = tokenBucket(100, 20);
    const run = simulate({
      settings: adaptive,
      upstream,
      network: steady,
      retryAfterMs,
      seconds: 1_200,
    });
    const { goodput, refusedShare } = measure(run, 100, 300);
    expect(goodput).toBeGreaterThanOrEqual(0.97);
    expect(refusedShare).toBeLessThanOrEqual(0.0005);
  },
);
