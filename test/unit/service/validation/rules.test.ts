import { status } from "@grpc/grpc-js";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FieldViolation } from "../../../../src/grpc/status/status-error.ts";
import {
  all,
  check,
  each,
  integer,
  text,
  validationError,
} from "../../../../src/service/validation/rules.ts";

const reasonOf = (value: string, min: number, max: number): string | undefined =>
  text(min, max)(value)?.[0]?.reason;

describe("text", () => {
  test("text counts characters, not code units", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", "é", "\u2028", "😀", "𝒳"), maxLength: 12 }),
        (value) => {
          const count = Array.from(value).length;
          expect(reasonOf(value, 0, count)).toBeUndefined();
          expect(reasonOf(value, count, count)).toBeUndefined();
          if (count > 0) expect(reasonOf(value, 0, count - 1)).toBe("TOO_LONG");
          expect(reasonOf(value, count + 1, count + 1)).toBe(
            count === 0 ? "REQUIRED" : "TOO_SHORT",
          );
        },
      ),
    );
  });

  test("text rejects every lone surrogate and every replacement character, at any position", () => {
    const lone = fc.integer({ min: 0xd800, max: 0xdfff }).map((unit) => String.fromCharCode(unit));
    const ascii = fc.string({ unit: "binary-ascii" });
    fc.assert(
      fc.property(ascii, fc.oneof(lone, fc.constant("\ufffd")), ascii, (before, bad, after) => {
        expect(reasonOf(before + bad + after, 0, 1_000)).toBe("MALFORMED_UNICODE");
      }),
    );
  });
});

test("a combined rule stops at the first rule that finds a fault", () => {
  const rule = all(integer(0, 10), integer(5, 20));
  expect([rule(7), rule(3)?.length, rule(30)?.length]).toEqual([undefined, 1, 1]);
});

test("a violation names every faulty element of a list by its index", () => {
  const violations: FieldViolation[] = [];
  check(violations, "numbers", [1, 9, 2, 8], each(integer(0, 5), 4));
  expect(violations.map(({ field }) => field)).toEqual(["numbers[1]", "numbers[3]"]);
});

test("the elements of a list that is too long are not checked", () => {
  const rule = each<number>(() => expect.fail("looked into"), 2);
  expect(rule([1, 2, 3])?.map(({ at, reason }) => at + reason)).toEqual(["TOO_MANY"]);
});

test("a number that is not an integer is out of range", () => {
  for (const value of [0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(integer(0, 10)(value)?.[0]?.reason).toBe("OUT_OF_RANGE");
  }
});

const violation = (field: string): FieldViolation => ({ field, reason: "R", description: "bad" });
describe("validationError", () => {
  test.each([
    [1, "f0: bad"],
    [2, "f0: bad (and 1 more violation)"],
    [3, "f0: bad (and 2 more violations)"],
  ])("an error with %i violations names the first and counts the others", (count, message) => {
    const violations = Array.from({ length: count }, (_, index) => violation(`f${index}`));
    const error = validationError(violations);
    expect([error.code, error.reason, error.message]).toEqual([
      status.INVALID_ARGUMENT,
      "REQUEST_INVALID",
      message,
    ]);
    expect(error.details.violations).toEqual(violations);
  });
});
