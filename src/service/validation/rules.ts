/**
 * The building blocks of validation. A rule is a pure function that returns all faults of a value.
 * To check a valid value costs next to nothing.
 */
import { status } from "@grpc/grpc-js";
import { StatusError, type FieldViolation } from "../../grpc/status/status-error.ts";

/** One fault of a value. */
export interface Fault {
  /** Path below the field, such as `[3]` or `.ciphertext`. Empty for the field itself. */
  readonly at: string;
  /** Machine-readable reason, such as `TOO_LONG`. */
  readonly reason: string;
  /** Text for humans. Never contains the value. */
  readonly description: string;
}

/** Returns the faults of a value; `undefined` if it is valid. */
export type Rule<T> = (value: T) => readonly Fault[] | undefined;

/** A list of one fault. `at` is the path below the field; default: the field itself. */
export const fault = (reason: string, description: string, at = ""): readonly Fault[] => [
  { at, reason, description },
];

/** Applies rules in order and returns the faults of the first one that finds any. */
export const all =
  <T>(...rules: readonly Rule<T>[]): Rule<T> =>
  (value) => {
    for (const rule of rules) {
      const faults = rule(value);
      if (faults !== undefined) return faults;
    }
    return undefined;
  };

/** Applies a rule to every element. The elements of a list that is too long are not checked. */
export const each =
  <T>(rule: Rule<T>, maxItems: number): Rule<readonly T[]> =>
  (values) => {
    if (values.length > maxItems) return fault("TOO_MANY", `at most ${maxItems} entries`);
    let found: Fault[] | undefined;
    for (const [index, value] of values.entries()) {
      for (const { at, reason, description } of rule(value) ?? []) {
        (found ??= []).push({ at: `[${index}]${at}`, reason, description });
      }
    }
    return found;
  };

/** Accepts the empty string, which stands for an absent value. Other values follow the rule. */
export const optional =
  (rule: Rule<string>): Rule<string> =>
  (value) =>
    value === "" ? undefined : rule(value);

/**
 * Lone surrogates, and the character that a decoder substitutes for bytes that are not UTF-8. With
 * it, texts that differ on the wire would be equal.
 */
const malformed = /[\p{Cs}\uFFFD]/u;

/** Finds the few texts for which `malformed` and `lengthOf` are worth their cost. */
const unusual = /[\ud800-\udfff\ufffd]/;

/** The number of code points of a well-formed text. A pair of surrogates is one. */
const lengthOf = (value: string): number => value.replaceAll(/[\ud800-\udbff]/g, "").length;

/** Accepts well-formed Unicode of `min` to `max` characters (code points). */
export const text =
  (min: number, max: number): Rule<string> =>
  (value) => {
    if (value === "" && min > 0) return fault("REQUIRED", `required: ${min} to ${max} characters`);
    let { length } = value;
    if (unusual.test(value)) {
      if (malformed.test(value)) return fault("MALFORMED_UNICODE", "not well-formed Unicode");
      length = lengthOf(value);
    }
    if (length < min) return fault("TOO_SHORT", `at least ${min} characters`);
    if (length > max) return fault("TOO_LONG", `at most ${max} characters`);
    return undefined;
  };

/** Accepts a text that matches the pattern. */
export const matching =
  (pattern: RegExp, reason: string, description: string): Rule<string> =>
  (value) =>
    pattern.test(value) ? undefined : fault(reason, description);

/** Accepts a text that does not match the pattern. */
export const notMatching =
  (pattern: RegExp, reason: string, description: string): Rule<string> =>
  (value) =>
    pattern.test(value) ? fault(reason, description) : undefined;

/** Accepts an integer from `min` to `max`. */
export const integer =
  (min: number, max: number): Rule<number> =>
  (value) =>
    Number.isInteger(value) && value >= min && value <= max
      ? undefined
      : fault("OUT_OF_RANGE", `an integer from ${min} to ${max}`);

/** Accepts `min` to `max` bytes. */
export const bytes =
  (min: number, max: number): Rule<Uint8Array> =>
  (value) => {
    if (value.length === 0 && min > 0) return fault("REQUIRED", `required: ${min} to ${max} bytes`);
    if (value.length < min) return fault("TOO_SHORT", `at least ${min} bytes`);
    if (value.length > max) return fault("TOO_LONG", `at most ${max} bytes`);
    return undefined;
  };

/** Accepts exactly one of the given numbers of bytes. */
export const bytesOf = (...lengths: readonly number[]): Rule<Uint8Array> => {
  const faults = fault("LENGTH_INVALID", `exactly ${lengths.join(" or ")} bytes`);
  return (value) => (lengths.includes(value.length) ? undefined : faults);
};

/**
 * Accepts the values that an enum of the contract names. `prefix` is that of its names, which the
 * generated code leaves out. Its zero, `UNSPECIFIED`, is accepted if `isUnspecifiedAllowed`.
 */
export const known = (
  prefix: string,
  values: Readonly<Record<string, number>>,
  isUnspecifiedAllowed: boolean,
): Rule<number> => {
  const allowed = new Set(Object.values(values).filter((value) => value !== 0));
  if (isUnspecifiedAllowed) allowed.add(0);
  const names = Object.keys(values)
    .filter((name) => name !== "UNSPECIFIED")
    .map((name) => prefix + name);
  return (value) => {
    if (allowed.has(value)) return undefined;
    const reason = value === 0 ? "REQUIRED" : "UNKNOWN_VALUE";
    return fault(reason, `one of ${names.join(", ")}`);
  };
};

/** Adds the faults of a field to `violations`. */
export function check<T>(
  violations: FieldViolation[],
  field: string,
  value: T,
  rule: Rule<T>,
): void {
  const faults = rule(value);
  if (faults === undefined) return;
  for (const { at, reason, description } of faults) {
    violations.push({ field: field + at, reason, description });
  }
}

/** `INVALID_ARGUMENT` / `REQUEST_INVALID` with all violations. Expects at least one. */
export function validationError(violations: readonly FieldViolation[]): StatusError {
  const more = violations.length - 1;
  const rest = more === 0 ? "" : ` (and ${more} more ${more === 1 ? "violation" : "violations"})`;
  const message = `${violations[0]?.field}: ${violations[0]?.description}${rest}`;
  return new StatusError(status.INVALID_ARGUMENT, "REQUEST_INVALID", message, { violations });
}
