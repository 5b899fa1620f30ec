import { expect, test } from "vitest";
import { StacklessError } from "../../../src/platform/errors.ts";

test("a StacklessError has a message and a cause but no stack frames", () => {
  const cause = new TypeError("behind it");
  const error = new StacklessError("what happened", { cause });
  expect(error).toBeInstanceOf(Error);
  expect(error.message).toBe("what happened");
  expect(error.cause).toBe(cause);
  expect(error.stack).not.toMatch(/\n\s+at /);
});

test("an error created after a StacklessError has its stack frames", () => {
  const limit = Error.stackTraceLimit;
  void new StacklessError("what happened");
  expect(Error.stackTraceLimit).toBe(limit);
  expect(new Error("another").stack).toMatch(/\n\s+at /);
});
