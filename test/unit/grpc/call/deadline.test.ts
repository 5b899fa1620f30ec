import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  allowedMs,
  defaultDeadlineRules,
  remainingMs,
} from "../../../../src/grpc/call/deadline.ts";

const rules = defaultDeadlineRules;

test.each([
  ["a call without a deadline gets the default", Infinity, 10_000, 10_000],
  ["no deadline gives no more than the cap", Infinity, 90_000, 60_000],
  ["a short deadline is reduced by 25 ms", 1_000, 10_000, 975],
  ["from a deadline of 1,250 ms on the margin is 2 %", 1_250, 10_000, 1_225],
  ["a deadline of 2.5 s is reduced by 2 %", 2_500, 10_000, 2_450],
  ["a deadline of 5 s or more is reduced by 100 ms", 5_000, 10_000, 4_900],
  ["a caller's deadline may be longer than the default", 30_000, 10_000, 29_900],
  ["a caller's deadline is limited to the maximum", 365 * 86_400_000, 10_000, 60_000],
  ["a deadline of 25 ms leaves no time", 25, 10_000, 0],
  ["a deadline in the past leaves negative time", -5, 10_000, -30],
])("%s", (_, remaining, defaultMs, expected) => {
  expect(allowedMs(remaining, defaultMs, rules)).toBeCloseTo(expected, 6);
});

test("the allowed time always ends a margin before the caller's deadline and within the maximum", () => {
  const remaining = fc.double({ min: -1e9, max: 1e12, noNaN: true });
  fc.assert(
    fc.property(remaining, fc.integer({ min: 1, max: 100_000 }), (left, defaultMs) => {
      const allowed = allowedMs(left, defaultMs, rules);
      expect(allowed).toBeLessThanOrEqual(left - rules.leastMarginMs);
      expect(allowed).toBeLessThanOrEqual(rules.maxMs);
    }),
  );
});

test("a later deadline never allows less time", () => {
  const remaining = fc.double({ min: 0, max: 1e6, noNaN: true });
  fc.assert(
    fc.property(remaining, remaining, (a, b) => {
      const [sooner, later] = a < b ? [a, b] : [b, a];
      expect(allowedMs(later, 1, rules)).toBeGreaterThanOrEqual(allowedMs(sooner, 1, rules) - 1e-9);
    }),
  );
});

test("remainingMs reads a deadline as a number, as a Date and as none", () => {
  expect(remainingMs(1_500, 1_000)).toBe(500);
  expect(remainingMs(new Date(1_500), 1_000)).toBe(500);
  expect(remainingMs(Infinity, 1_000)).toBe(Infinity);
});
