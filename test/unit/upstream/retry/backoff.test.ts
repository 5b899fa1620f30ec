import * as fc from "fast-check";
import { expect, test } from "vitest";
import { backoffMs } from "../../../../src/upstream/retry/backoff.ts";

const almost = (): number => 0.999_999_999;

test("the backoff lies between 0 and a bound that doubles up to a second", () => {
  const bounds = [0, 1, 2, 3, 4, 5, 50].map((repeats) => Math.round(backoffMs(repeats, almost)));
  expect(bounds).toEqual([50, 100, 200, 400, 800, 1_000, 1_000]);
  expect(backoffMs(3, () => 0)).toBe(0);
});

test("the backoff never exceeds its bound and never shrinks with the number of retries", () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 2_000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (repeats, number) => {
        const ms = backoffMs(repeats, () => number);
        return (
          ms >= 0 &&
          ms <= 1_000 &&
          ms <= 50 * 2 ** repeats &&
          backoffMs(repeats + 1, () => number) >= ms
        );
      },
    ),
  );
});
