import { describe, expect, test } from "vitest";
import {
  createSharedLaw,
  type SharedLimit,
} from "../../../../../src/upstream/rate-limit/adaptive/leased-rate.ts";

const created = (limit: SharedLimit, isFixed = false) =>
  createSharedLaw({ limit, isFixed, longestHoldMs: 300_000, now: 0, random: () => 0 });

const guided = (perSecond: number): SharedLimit => ({ perSecond, mayProbe: false });
const alone = (perSecond: number): SharedLimit => ({ perSecond, mayProbe: true });

describe("under a group's guidance", () => {
  test("the rate is the group's, and a 429 leaves it to the group", () => {
    const law = created(guided(40));
    expect(law.rate).toBe(40);
    law.onThrottled(1_000, undefined);
    law.advance(1_000);
    expect(law.rate).toBe(40);
    law.limitTo(guided(30), 1_100);
    expect(law.advance(1_100)).toBe(true);
    expect([law.rate, law.safeRate]).toEqual([30, 30]);
  });

  test("a pause that the upstream asks for is kept, and what comes after it is poked at", () => {
    const law = created(guided(40));
    law.onThrottled(1_000, 30_000);
    law.advance(1_000);
    expect(law.pausedUntil).toBe(31_000);
    expect(law).toMatchObject({ phase: "blackout", rate: 4 });
    law.onAccepted(31_500);
    law.advance(31_500);
    expect(law.rate).toBe(40);
  });

  test("no bound is no bound", () => {
    const law = created(guided(Number.POSITIVE_INFINITY));
    expect(law.rate).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("without a group", () => {
  test("a 429 lowers the rate below the limit, and another limit starts anew", () => {
    const law = created(alone(40));
    for (let now = 0; now < 2_000; now += 25) law.onAccepted(now);
    law.onThrottled(2_000, undefined);
    law.advance(2_000);
    expect(law.rate).toBeLessThan(40);
    law.limitTo(alone(20), 3_000);
    expect(law.rate).toBeCloseTo(20);
  });

  test("a fixed rate stays what it is", () => {
    const law = created(alone(40), true);
    law.onThrottled(2_000, undefined);
    law.advance(2_000);
    expect(law.rate).toBeCloseTo(40);
  });
});

describe.each([
  ["the group is lost", guided(50), alone(45)],
  ["the group comes back", alone(50), guided(45)],
  ["the limit changes", alone(50), alone(45)],
])("a penalty is seen through though %s", (_when, before, after) => {
  test("with pokes, and the new limit when it is over", () => {
    const law = created(before);
    law.onThrottled(0, 30_000);
    law.advance(0);
    law.limitTo(after, 100);
    law.advance(100);
    expect(law).toMatchObject({ phase: "blackout", rate: 4, pausedUntil: 30_000 });
    law.onAccepted(30_500);
    law.advance(30_500);
    law.advance(30_501);
    expect(law.phase).not.toBe("blackout");
    expect(law.rate).toBeCloseTo(45);
  });
});

test("after an outage the rate starts at a quarter of the limit and is back within seconds", () => {
  const law = created(guided(40));
  law.ramp(0);
  law.advance(0);
  expect(law.rate).toBe(10);
  for (let now = 0; now <= 8_000; now += 100) law.advance(now);
  expect(law.rate).toBe(40);
});
