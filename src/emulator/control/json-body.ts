/** Reads the JSON bodies of the control routes. Wrong values are a `RangeError`. */
import { fieldOf, isJsonObject } from "../api/json-fields.ts";
import type { JsonObject } from "../api/json-fields.ts";

/** Decodes a body. An empty one is an empty object. */
export function readBody(body: Buffer): JsonObject | readonly unknown[] {
  if (body.length === 0) return {};
  const value: unknown = JSON.parse(body.toString("utf8"));
  if (isJsonObject(value) || Array.isArray(value)) return value;
  throw new RangeError("the body is neither an object nor a list");
}

/** Returns a decoded body as an object. */
export function objectBody(body: JsonObject | readonly unknown[]): JsonObject {
  if (isJsonObject(body)) return body;
  throw new RangeError("the body is not an object");
}

/** Reads an optional number. */
export function numberField(fields: JsonObject, name: string): number | undefined {
  const value = fieldOf(fields, name);
  if (value === undefined || typeof value === "number") return value;
  throw new RangeError(`${name} is not a number`);
}

/** Returns the value of a field that has to be there. */
export function required<Value>(value: Value | undefined, name: string): Value {
  if (value === undefined) throw new RangeError(`${name} is missing`);
  return value;
}
