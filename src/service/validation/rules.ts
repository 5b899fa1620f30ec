/** The means of validation: rules are pure, say everything that is wrong at once, and cost next to nothing if nothing is. */
import { status } from "@grpc/grpc-js";
import { StatusError, type FieldViolation } from "../../grpc/status/status-error.ts";

/** One thing that is wrong with a value. */
export interface Fault {
  /** Where below the field: empty, or such as `[3]` or `.ciphertext`. */
  readonly at: string;
  /** For a machine, such as `TOO_LONG`. */
  readonly reason: string;
  /** For a human; never contains the value. */
  readonly description: string;
}

/** Says what is wrong with a value; `undefined` if nothing is. */
export type Rule<T> = (value: T) => readonly Fault[] | undefined;

/** One fault of the value itself. */
export const fault = (reason: string, description: string, at = ""): readonly Fault[] => [
  { at, reason, description },
];

/** The faults of the first rule that finds any. */
export const all =
  <T>(...rules: readonly Rule<T>[]): Rule<T> =>
  (value) => {
    for (const rule of rules) {
      const faults = rule(value);
      if (faults !== undefined) return faults;
    }
    return undefined;
  };

/** The faults of every element. A list that is too long is not looked into. */
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

/** Nothing is wrong with an absent value (the empty string); any other has to follow the rule. */
export const optional =
  (rule: Rule<string>): Rule<string> =>
  (value) =>
    value === "" ? undefined : rule(value);

/**
 * Lone surrogates, and what a decoder puts in the place of bytes that are not UTF-8: texts that differ on the wire would
 * otherwise become one.
 */
const malformed = /[\p{Cs}\uFFFD]/u;

/** Whether a text has code units that need a closer look; almost none has. */
const unusual = /[\ud800-\udfff\ufffd]/;

/** How many characters (code points) a well-formed text has: a pair of surrogates is one. */
const lengthOf = (value: string): number => value.replaceAll(/[\ud800-\udbff]/g, "").length;

/** Well-formed Unicode of `min` to `max` characters (code points). */
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

/** A text that the pattern matches. */
export const matching =
  (pattern: RegExp, reason: string, description: string): Rule<string> =>
  (value) =>
    pattern.test(value) ? undefined : fault(reason, description);

/** A text that the pattern does not match. */
export const notMatching =
  (pattern: RegExp, reason: string, description: string): Rule<string> =>
  (value) =>
    pattern.test(value) ? fault(reason, description) : undefined;

/** An integer from `min` to `max`. */
export const integer =
  (min: number, max: number): Rule<number> =>
  (value) =>
    Number.isInteger(value) && value >= min && value <= max
      ? undefined
      : fault("OUT_OF_RANGE", `an integer from ${min} to ${max}`);

/** From `min` to `max` bytes. */
export const bytes =
  (min: number, max: number): Rule<Uint8Array> =>
  (value) => {
    if (value.length === 0 && min > 0) return fault("REQUIRED", `required: ${min} to ${max} bytes`);
    if (value.length < min) return fault("TOO_SHORT", `at least ${min} bytes`);
    if (value.length > max) return fault("TOO_LONG", `at most ${max} bytes`);
    return undefined;
  };

/** Exactly one of the given numbers of bytes. */
export const bytesOf = (...lengths: readonly number[]): Rule<Uint8Array> => {
  const faults = fault("LENGTH_INVALID", `exactly ${lengths.join(" or ")} bytes`);
  return (value) => (lengths.includes(value.length) ? undefined : faults);
};

/** One of the values that a closed set of the contract names, other than its zero. */
export const known = (
  values: Readonly<Record<string, number>>,
  isUnspecifiedAllowed: boolean,
): Rule<number> => {
  const allowed = new Set(Object.values(values).filter((value) => value !== 0));
  if (isUnspecifiedAllowed) allowed.add(0);
  const names = Object.keys(values).filter((name) => name !== "UNSPECIFIED");
  return (value) => {
    if (allowed.has(value)) return undefined;
    const reason = value === 0 ? "REQUIRED" : "UNKNOWN_VALUE";
    return fault(reason, `one of ${names.join(", ")}`);
  };
};

/** Adds to `violations` what the rule finds wrong with the value of a field. */
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

/** `INVALID_ARGUMENT` / `REQUEST_INVALID` with all violations, of which there is at least one. */
export function validationError(violations: readonly FieldViolation[]): StatusError {
  const more = violations.length - 1;
  const rest = more === 0 ? "" : ` (and ${more} more ${more === 1 ? "violation" : "violations"})`;
  const message = `${violations[0]?.field}: ${violations[0]?.description}${rest}`;
  return new StatusError(status.INVALID_ARGUMENT, "REQUEST_INVALID", message, { violations });
}
