import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  allowedMs,
  defaultDeadlineRules,
  remainingMs,
} from "../../../../src/grpc/call/deadline.ts";

const rules = defaultDeadlineRules;

test.each([
  ["no deadline gives the default", Infinity, 10_000, 10_000],
  ["no deadline gives no more than the cap", Infinity, 90_000, 60_000],
  ["a short deadline loses 25 ms", 1_000, 10_000, 975],
  ["1,250 ms is where 2 % take over", 1_250, 10_000, 1_225],
  ["a deadline of 2.5 s loses 2 %", 2_500, 10_000, 2_450],
  ["5 s and more lose 100 ms", 5_000, 10_000, 4_900],
  ["a caller's deadline may be longer than the default", 30_000, 10_000, 29_900],
  ["but not than the cap", 365 * 86_400_000, 10_000, 60_000],
  ["25 ms leave nothing", 25, 10_000, 0],
  ["a deadline in the past leaves less than nothing", -5, 10_000, -30],
])("%s", (_, remaining, defaultMs, expected) => {
  expect(allowedMs(remaining, defaultMs, rules)).toBeCloseTo(expected, 6);
});

test("the gateway is always done a margin before the caller and within its own cap", () => {
  const remaining = fc.double({ min: -1e9, max: 1e12, noNaN: true });
  fc.assert(
    fc.property(remaining, fc.integer({ min: 1, max: 100_000 }), (left, defaultMs) => {
      const allowed = allowedMs(left, defaultMs, rules);
      expect(allowed).toBeLessThanOrEqual(left - rules.leastMarginMs);
      expect(allowed).toBeLessThanOrEqual(rules.maxMs);
    }),
  );
});

test("a later deadline never gives less time", () => {
  const remaining = fc.double({ min: 0, max: 1e6, noNaN: true });
  fc.assert(
    fc.property(remaining, remaining, (a, b) => {
      const [sooner, later] = a < b ? [a, b] : [b, a];
      expect(allowedMs(later, 1, rules)).toBeGreaterThanOrEqual(allowedMs(sooner, 1, rules) - 1e-9);
    }),
  );
});

test("a deadline is read as number, as Date and as none", () => {
  expect(remainingMs(1_500, 1_000)).toBe(500);
  expect(remainingMs(new Date(1_500), 1_000)).toBe(500);
  expect(remainingMs(Infinity, 1_000)).toBe(Infinity);
});
