import * as fc from "fast-check";
import { expect, test } from "vitest";
import { TokenExchangeError } from "../../../src/iam/exchange-error.ts";
import { backOff } from "../../../src/iam/failure-backoff.ts";
import { tokenLifetime } from "../../../src/iam/lifetime.ts";

const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("a refresh is always due before the token's use ends, and the use ends before its lifetime", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 86_400_000 }), unit, (lifetimeMs, random) => {
      const { refreshAfterMs, usableForMs } = tokenLifetime(lifetimeMs, () => random);
      expect(refreshAfterMs).toBeGreaterThan(0);
      expect(refreshAfterMs).toBeLessThan(usableForMs);
      expect(usableForMs).toBeLessThan(lifetimeMs);
    }),
  );
});

test("a token of one hour is refreshed between 75 and 85 % of its lifetime and used for 59 minutes", () => {
  expect(tokenLifetime(3_600_000, () => 0)).toEqual({
    refreshAfterMs: 2_700_000,
    usableForMs: 3_540_000,
  });
  expect(tokenLifetime(3_600_000, () => 0.999_999).refreshAfterMs).toBeCloseTo(3_060_000, -2);
});

test("the backoff after a failure is between 0.5 and 30 s, and longer only if IAM asks for it", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), unit, (failures, random) => {
      const cause = new TokenExchangeError("UNREACHABLE", "no");
      const waitMs = backOff(cause, failures, 0, () => random).retryAt;
      const fullMs = Math.min(30_000, 1_000 * 2 ** (failures - 1));
      expect(waitMs).toBeGreaterThanOrEqual(fullMs / 2);
      expect(waitMs).toBeLessThanOrEqual(fullMs);
    }),
  );
});
