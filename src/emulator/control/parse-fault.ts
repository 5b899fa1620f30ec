/** Validates faults that arrive as JSON over the control routes. */
import type { Fault, FaultAction, FaultMatch } from "./faults.ts";
import { isJsonObject } from "../api/json-fields.ts";
import type { JsonObject } from "../api/json-fields.ts";

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isFlag: Check = (value) => typeof value === "boolean";
const isAmount: Check = (value) => typeof value === "number" && value >= 0;
const isHeaders: Check = (value) => isJsonObject(value) && Object.values(value).every(isText);
const isOneOf =
  (...allowed: readonly unknown[]): Check =>
  (value) =>
    allowed.includes(value);

const isMoment = isOneOf("before-processing", "after-processing");

// A trailing `?` marks optional fields.
const actionFields: Readonly<Record<FaultAction["kind"], Readonly<Record<string, Check>>>> = {
  respond: {
    status: isAmount,
    "when?": isMoment,
    "headers?": isHeaders,
    "body?": (value) => isText(value) || isJsonObject(value),
    "contentType?": isText,
  },
  reset: { when: isMoment },
  hang: {},
  stall: { "afterBytes?": isAmount },
  drip: { chunkBytes: (value) => isAmount(value) && value !== 0, intervalMs: isAmount },
  "drip-head": { intervalMs: isAmount },
  truncate: { "afterBytes?": isAmount },
  garble: {},
  oversize: { bytes: isAmount, "isChunked?": isFlag },
  rewrite: { "patch?": isJsonObject, "status?": isAmount, "headers?": isHeaders },
};

const matchFields: Readonly<Record<string, Check>> = {
  "service?": isOneOf("iam", "metadata", "keyprotect"),
  "method?": isText,
  "path?": isText,
  "operation?": isText,
  "instanceId?": isText,
};

const faultFields: Readonly<Record<string, Check>> = {
  "match?": (value) => isMatch(value),
  "times?": isAmount,
  "skip?": isAmount,
  "probability?": isAmount,
  "delayMs?": isAmount,
  "action?": (value) => isAction(value),
};

/** Checks that a JSON value is a fault. Throws a RangeError that names the first invalid field. */
export function parseFault(value: unknown): Fault {
  if (!isFault(value)) throw new RangeError("a fault is an object");
  return value;
}

function isFault(value: unknown): value is Fault {
  return isJsonObject(value) && checkFields("fault", value, faultFields);
}

function isMatch(value: unknown): value is FaultMatch {
  return isJsonObject(value) && checkFields("match", value, matchFields);
}

function isAction(value: unknown): value is FaultAction {
  if (!isJsonObject(value)) return false;
  const { kind, ...fields } = value;
  const checks = Object.entries(actionFields).find(([name]) => name === kind)?.[1];
  if (checks === undefined) {
    throw new RangeError(`action.kind is none of ${Object.keys(actionFields).join(", ")}`);
  }
  return checkFields("action", fields, checks);
}

function checkFields(
  place: string,
  fields: JsonObject,
  checks: Readonly<Record<string, Check>>,
): boolean {
  for (const name of Object.keys(fields)) {
    if (checks[name] === undefined && checks[`${name}?`] === undefined) {
      throw new RangeError(`${place}.${name} is unknown`);
    }
  }
  for (const [key, check] of Object.entries(checks)) {
    const name = key.replace(/\?$/, "");
    const value = fields[name];
    if (value === undefined && key.endsWith("?")) continue;
    if (!check(value)) throw new RangeError(`${place}.${name} is missing or not right`);
  }
  return true;
}
