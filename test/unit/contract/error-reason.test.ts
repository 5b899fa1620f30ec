import { expect, test } from "vitest";
import { descriptorSet } from "../../../src/gen/descriptor-set.ts";
import { ErrorReason } from "../../../src/gen/keyprotect/v1/error_reason.ts";
import { readContract } from "../../../scripts/contract/contract.ts";

const { enums } = readContract(Buffer.from(descriptorSet, "base64"));
const declared = enums.find((type) => type.typeName === "keyprotect.v1.ErrorReason");
const prefix = "ERROR_REASON_";

/** The values of `ErrorInfo.reason`. */
const reasons = (declared?.values ?? [])
  .filter((value) => value.number !== 0)
  .map((value) => value.name.slice(prefix.length));

test("the values of ErrorReason are numbered from 0 without a gap, and no name is there twice", () => {
  const numbers = declared?.values.map((value) => value.number) ?? [];
  expect(numbers).toEqual(numbers.map((_, index) => index));
  expect(numbers.length).toBeGreaterThanOrEqual(50);
  expect(new Set(reasons).size).toBe(reasons.length);
});

// The comment of google.rpc.ErrorInfo.reason requires this form.
test.each(reasons)("%s has the form of an ErrorInfo reason", (reason) => {
  expect(reason).toMatch(/^[A-Z][A-Z0-9_]+[A-Z0-9]$/);
  expect(reason.length).toBeLessThanOrEqual(63);
});

test("the generated names are the reasons without their prefix", () => {
  const generated = Object.keys(ErrorReason).filter((name) => name !== "UNSPECIFIED");
  expect(generated.toSorted()).toEqual(reasons.toSorted());
});
