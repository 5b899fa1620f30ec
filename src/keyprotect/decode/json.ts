/**
 * Readers for the fields of Key Protect's JSON. Each returns the value, or `undefined` if an
 * optional field is absent, or throws `BAD_RESPONSE` with the name of the field. `null` counts as
 * absent: the upstream's language writes unset fields that way. Only own properties are read, so
 * neither a `__proto__` in a body nor a polluted prototype has an effect.
 */
import { isUtf8 } from "node:buffer";
import { badResponseError } from "../error.ts";

/** A JSON object whose fields have not been checked. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Parses a body that has to be a JSON object. The parser's error is not kept as `cause`: its
 * message quotes the body, which may contain a plaintext.
 */
export function parseObject(body: Buffer): JsonObject {
  if (!isUtf8(body)) throw badResponseError("not UTF-8");
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch {
    throw badResponseError("not JSON");
  }
  if (isObject(value)) return value;
  throw badResponseError("the body is not an object");
}

/** Whether a value is a JSON object, that is neither `null` nor an array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns the value as an object. `what` names it in the error. */
export function toObject(value: unknown, what: string): JsonObject {
  if (!isObject(value)) throw badResponseError(`${what} is not an object`);
  return value;
}

/**
 * Returns the own property `name` if it is present and not `null`, otherwise that of the older
 * names. Most fields of a key are absent, so they are looked up only once.
 */
export function own(
  object: JsonObject,
  name: string,
  olderName?: string,
  oldestName?: string,
): unknown {
  const value = object[name];
  if (value !== undefined && value !== null && Object.hasOwn(object, name)) return value;
  return olderName === undefined ? undefined : own(object, olderName, oldestName);
}

/** Reads an optional text. `olderName` is an older spelling of the same field. */
export function optionalText(
  object: JsonObject,
  name: string,
  olderName?: string,
): string | undefined {
  const value = own(object, name, olderName);
  if (value === undefined || typeof value === "string") return value;
  throw badResponseError(`${name} is not a text`);
}

/** Reads a required text; an empty one counts as missing. */
export function requiredText(object: JsonObject, name: string): string {
  const value = optionalText(object, name);
  if (value === undefined || value === "") throw badResponseError(`${name} is missing`);
  return value;
}

/** Reads an optional boolean. */
export function optionalBoolean(object: JsonObject, name: string): boolean | undefined {
  const value = own(object, name);
  if (value === undefined || typeof value === "boolean") return value;
  throw badResponseError(`${name} is not a boolean`);
}

/** Reads an optional 32-bit integer, the range of the gateway's own messages. */
export function optionalInt32(object: JsonObject, name: string): number | undefined {
  const value = own(object, name);
  if (value === undefined) return undefined;
  // `value | 0` leaves exactly the 32-bit integers unchanged; -0 becomes 0.
  if (typeof value === "number" && (value | 0) === value) return value | 0;
  throw badResponseError(`${name} is not a 32-bit integer`);
}

/** Reads an optional list of texts; an absent list is empty. */
export function texts(object: JsonObject, name: string): readonly string[] {
  const value = own(object, name);
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw badResponseError(`${name} is not a list`);
  return value.map((entry: unknown) => {
    if (typeof entry === "string") return entry;
    throw badResponseError(`${name} contains something other than texts`);
  });
}

/** Reads optional bytes: canonical base64, never empty. */
export function optionalBytes(object: JsonObject, name: string): Buffer | undefined {
  const text = optionalText(object, name);
  if (text === undefined) return undefined;
  const bytes = decodeBase64(text);
  if (bytes === undefined) throw badResponseError(`${name} is not canonical base64`);
  if (bytes.length === 0) throw badResponseError(`${name} is empty`);
  return bytes;
}

/** Reads required bytes: canonical base64, never empty. */
export function requiredBytes(object: JsonObject, name: string): Buffer {
  const bytes = optionalBytes(object, name);
  if (bytes === undefined) throw badResponseError(`${name} is missing`);
  return bytes;
}

/**
 * Decodes standard, padded base64. Returns `undefined` if encoding the result would not give the
 * same text: a value that the gateway hands out must be sent back unchanged, and `Buffer.from`
 * alone skips invalid characters.
 */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") === text) return bytes;
  bytes.fill(0);
  return undefined;
}
