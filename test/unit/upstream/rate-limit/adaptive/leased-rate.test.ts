import { describe, expect, test } from "vitest";
import { createLeasedRate } from "../../../../../src/upstream/rate-limit/adaptive/leased-rate.ts";
import type { QuotaLimit } from "../../../../../src/upstream/rate-limit/adaptive/settings.ts";

const created = (limit: QuotaLimit, isFixed = false) =>
  createLeasedRate({ limit, isFixed, longestHoldMs: 300_000, now: 0, random: () => 0 });

const guided = (perSecond: number): QuotaLimit => ({ perSecond, mayProbe: false });
const alone = (perSecond: number): QuotaLimit => ({ perSecond, mayProbe: true });

describe("under a group's guidance", () => {
  test("the rate is the group's, and a 429 leaves it to the group", () => {
    const leased = created(guided(40));
    expect(leased.rate).toBe(40);
    leased.onThrottled(1_000, undefined);
    leased.advance(1_000);
    expect(leased.rate).toBe(40);
    leased.followLease(guided(30), 1_100);
    expect(leased.advance(1_100)).toBe(true);
    expect([leased.rate, leased.safeRate]).toEqual([30, 30]);
  });

  test("a pause that the upstream asks for is kept, and what comes after it is poked at", () => {
    const leased = created(guided(40));
    leased.onThrottled(1_000, 30_000);
    leased.advance(1_000);
    expect(leased.pausedUntil).toBe(31_000);
    expect(leased).toMatchObject({ phase: "blackout", rate: 4 });
    leased.onAccepted(31_500);
    leased.advance(31_500);
    expect(leased.rate).toBe(40);
  });

  test("only a 429 outside a lockout is a reason for the group to lower its quota", () => {
    const leased = created(guided(40));
    expect(leased.onThrottled(1_000, 30_000)).toBe(true);
    expect(leased.onThrottled(31_000, undefined)).toBe(false);
    leased.onAccepted(31_500);
    expect(leased.onThrottled(32_000, undefined)).toBe(true);
  });

  test("no bound is no bound", () => {
    const leased = created(guided(Number.POSITIVE_INFINITY));
    expect(leased.rate).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("without a group", () => {
  test("a 429 lowers the rate below the limit, and another limit starts anew", () => {
    const leased = created(alone(40));
    for (let now = 0; now < 2_000; now += 25) leased.onAccepted(now);
    leased.onThrottled(2_000, undefined);
    leased.advance(2_000);
    expect(leased.rate).toBeLessThan(40);
    leased.followLease(alone(20), 3_000);
    expect(leased.rate).toBeCloseTo(20);
  });

  test("a fixed rate stays what it is", () => {
    const leased = created(alone(40), true);
    leased.onThrottled(2_000, undefined);
    leased.advance(2_000);
    expect(leased.rate).toBeCloseTo(40);
  });
});

describe.each([
  ["the group is lost", guided(50), alone(45)],
  ["the group comes back", alone(50), guided(45)],
  ["the limit changes", alone(50), alone(45)],
])("a penalty is seen through though %s", (_when, before, after) => {
  test("with pokes, and the new limit when it is over", () => {
    const leased = created(before);
    leased.onThrottled(0, 30_000);
    leased.advance(0);
    leased.followLease(after, 100);
    leased.advance(100);
    expect(leased).toMatchObject({ phase: "blackout", rate: 4, pausedUntil: 30_000 });
    leased.onAccepted(30_500);
    leased.advance(30_500);
    leased.advance(30_501);
    expect(leased.phase).not.toBe("blackout");
    expect(leased.rate).toBeCloseTo(45);
  });
});

test("after an outage the rate starts at a quarter of the limit and is back within seconds", () => {
  const leased = created(guided(40));
  leased.slowRestart(0);
  leased.advance(0);
  expect(leased.rate).toBe(10);
  for (let now = 0; now <= 8_000; now += 100) leased.advance(now);
  expect(leased.rate).toBe(40);
});
