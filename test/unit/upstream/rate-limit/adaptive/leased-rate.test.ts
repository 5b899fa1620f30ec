import { describe, expect, test } from "vitest";
import { createLeasedRate } from "../../../../../src/upstream/rate-limit/adaptive/leased-rate.ts";
import type { QuotaLimit } from "../../../../../src/upstream/rate-limit/adaptive/settings.ts";

const created = (limit: QuotaLimit, isFixed = false) =>
  createLeasedRate({ limit, isFixed, longestHoldMs: 300_000, now: 0, random: () => 0 });

const ofGroup = (perSecond: number): QuotaLimit => ({ perSecond, mayProbe: false });
const alone = (perSecond: number): QuotaLimit => ({ perSecond, mayProbe: true });

describe("with a lease", () => {
  test("a leased rate is the group's, and a 429 does not change it", () => {
    const leased = created(ofGroup(40));
    expect(leased.rate).toBe(40);
    leased.onThrottled(1_000, undefined);
    leased.advance(1_000);
    expect(leased.rate).toBe(40);
    leased.followLease(ofGroup(30), 1_100);
    expect(leased.advance(1_100)).toBe(true);
    expect([leased.rate, leased.safeRate]).toEqual([30, 30]);
  });

  test("a leased rate keeps a Retry-After and then sends recovery probes", () => {
    const leased = created(ofGroup(40));
    leased.onThrottled(1_000, 30_000);
    leased.advance(1_000);
    expect(leased.pausedUntil).toBe(6_000);
    expect(leased).toMatchObject({ phase: "blackout", rate: 4 });
    leased.onThrottled(6_010, 25_000);
    expect(leased.pausedUntil).toBe(31_010);
    leased.onAccepted(31_500);
    leased.advance(31_500);
    expect(leased.rate).toBe(40);
  });

  test.each([
    ["with a lease", ofGroup(40)],
    ["without a lease", alone(40)],
  ])("a 503 with Retry-After pauses a rate %s and leaves it as it is", (_when, limit) => {
    const leased = created(limit);
    expect(leased.refusalCause(1_000)).toBeUndefined();
    leased.onUnavailable(1_000, 60_000);
    leased.advance(1_000);
    expect(leased).toMatchObject({ phase: "blackout", rate: 4, pausedUntil: 6_000 });
    expect(leased.refusalCause(2_000)).toBe("outage");
    leased.onAccepted(6_010);
    leased.advance(6_010);
    expect(leased.rate).toBeCloseTo(40);
  });

  test("a 429 in a lockout of more than a second is no reason to lower the group's quota", () => {
    const leased = created(ofGroup(40));
    expect(leased.onThrottled(1_000, 30_000)).toBe(true);
    expect(leased.onThrottled(2_000, undefined)).toBe(true);
    expect(leased.onThrottled(31_000, undefined)).toBe(false);
    leased.onAccepted(31_500);
    expect(leased.onThrottled(32_000, undefined)).toBe(true);
  });

  test("a second may hold more or fewer requests than the rate of a lease", () => {
    const leased = created(ofGroup(40));
    expect(leased.quotaRate).toBe(40);
    for (const windowPerSecond of [50, 39]) {
      leased.followLease({ ...ofGroup(40), windowPerSecond }, 100);
      expect(leased.advance(100)).toBe(true);
      expect(leased.advance(100)).toBe(false);
      expect([leased.rate, leased.quotaRate]).toEqual([40, windowPerSecond]);
    }
  });

  test("a lease without a bound gives an unlimited rate", () => {
    const leased = created(ofGroup(Number.POSITIVE_INFINITY));
    expect(leased.rate).toBe(Number.POSITIVE_INFINITY);
  });

  test("a lockout of an unlimited lease has a finite rate and a finite quota", () => {
    const leased = created(ofGroup(Number.POSITIVE_INFINITY));
    leased.onThrottled(1_000, 30_000);
    leased.advance(1_000);
    expect(leased).toMatchObject({ phase: "blackout", rate: 4, quotaRate: 4 });
  });
});

describe("without a lease", () => {
  test("without a lease a 429 lowers the rate, and a new limit replaces it", () => {
    const leased = created(alone(40));
    for (let now = 0; now < 2_000; now += 25) leased.onAccepted(now);
    leased.onThrottled(2_000, undefined);
    leased.advance(2_000);
    expect(leased.rate).toBeLessThan(40);
    leased.followLease(alone(20), 3_000);
    expect(leased.rate).toBeCloseTo(20);
  });

  test("without a lease a second may hold more than the rate until a 429 has lowered it", () => {
    const limit = { ...alone(40), windowPerSecond: 50 };
    const leased = created(limit);
    expect([leased.rate, leased.quotaRate]).toEqual([40, 50]);
    for (let now = 0; now < 2_000; now += 25) leased.onAccepted(now);
    leased.onThrottled(2_000, undefined);
    leased.advance(2_000);
    expect(leased.quotaRate).toBe(leased.rate);
    expect(leased.rate).toBeLessThan(40);
  });

  test("without a lease a fixed rate stays the same at a 429", () => {
    const leased = created(alone(40), true);
    leased.onThrottled(2_000, undefined);
    leased.advance(2_000);
    expect(leased.rate).toBeCloseTo(40);
  });
});

test.each([
  ["the group is lost", ofGroup(50), alone(45)],
  ["the group comes back", alone(50), ofGroup(45)],
  ["the limit changes", alone(50), alone(45)],
])(
  "a lockout in which %s keeps its recovery probes and ends with the new limit",
  (_when, before, after) => {
    const leased = created(before);
    leased.onThrottled(0, 30_000);
    leased.advance(0);
    leased.followLease(after, 100);
    leased.advance(100);
    expect(leased).toMatchObject({ phase: "blackout", rate: 4, pausedUntil: 5_000 });
    leased.onAccepted(30_500);
    leased.advance(30_500);
    leased.advance(30_501);
    expect(leased.phase).not.toBe("blackout");
    expect(leased.rate).toBeCloseTo(45);
  },
);

test("a slow restart begins at a quarter of the lease and ends within seconds", () => {
  const leased = created(ofGroup(40));
  leased.slowRestart(0);
  leased.advance(0);
  expect(leased.rate).toBe(10);
  for (let now = 0; now <= 8_000; now += 100) leased.advance(now);
  expect(leased.rate).toBe(40);
});
