import { isUtf8 } from "node:buffer";
import { badResponseError } from "../error.ts";

/**
 * Small readers of JSON that was written by somebody else. Each gives the value, or `undefined` where an optional value
 * is absent, or throws `BAD_RESPONSE` naming the field. `null` counts as absent: the upstream's language writes unset
 * fields so. Only own properties are read, so that neither `__proto__` in a body nor a polluted prototype plays a part.
 */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Parses a body. The parser's own error is not kept as `cause`: its text quotes the body, which may hold a plaintext. */
export function parseJson(body: Buffer): unknown {
  if (!isUtf8(body)) throw badResponseError("not UTF-8");
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    throw badResponseError("not JSON");
  }
}

/** Whether a value is a JSON object: neither `null` nor an array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value as an object. */
export function toObject(value: unknown, what: string): JsonObject {
  if (!isObject(value)) throw badResponseError(`${what} is not an object`);
  return value;
}

/** The own property of the first of `names` that is there, `null` counting as absent. */
export function own(object: JsonObject, ...names: readonly string[]): unknown {
  for (const name of names) {
    if (Object.hasOwn(object, name) && object[name] !== null) return object[name];
  }
  return undefined;
}

/** An optional text. Further names are older spellings of the same field. */
export function optionalText(
  object: JsonObject,
  name: string,
  ...olderNames: readonly string[]
): string | undefined {
  const value = own(object, name, ...olderNames);
  if (value === undefined || typeof value === "string") return value;
  throw badResponseError(`${name} is not a text`);
}

/** A text that has to be there and is not empty. */
export function requiredText(object: JsonObject, name: string): string {
  const value = optionalText(object, name);
  if (value === undefined || value === "") throw badResponseError(`${name} is missing`);
  return value;
}

/** An optional truth value. */
export function optionalBoolean(object: JsonObject, name: string): boolean | undefined {
  const value = own(object, name);
  if (value === undefined || typeof value === "boolean") return value;
  throw badResponseError(`${name} is not a boolean`);
}

/** An optional whole number of 32 bits, which is what the gateway's own messages have room for. */
export function optionalInt32(object: JsonObject, name: string): number | undefined {
  const value = own(object, name);
  if (value === undefined) return undefined;
  // `value | 0` keeps exactly the 32-bit whole numbers as they are; -0 passes as 0.
  if (typeof value === "number" && (value | 0) === value) return value | 0;
  throw badResponseError(`${name} is not a 32-bit integer`);
}

/** An optional list of texts; empty where absent. */
export function texts(object: JsonObject, name: string): readonly string[] {
  const value = own(object, name);
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw badResponseError(`${name} is not a list`);
  return value.map((entry: unknown) => {
    if (typeof entry !== "string")
      throw badResponseError(`${name} holds something other than texts`);
    return entry;
  });
}

/** Optional bytes, which travel as strict base64 and are never empty. */
export function optionalBytes(object: JsonObject, name: string): Buffer | undefined {
  const text = optionalText(object, name);
  if (text === undefined) return undefined;
  const bytes = decodeBase64(text);
  if (bytes === undefined) throw badResponseError(`${name} is not canonical base64`);
  if (bytes.length === 0) throw badResponseError(`${name} is empty`);
  return bytes;
}

/** Bytes that have to be there. */
export function requiredBytes(object: JsonObject, name: string): Buffer {
  const bytes = optionalBytes(object, name);
  if (bytes === undefined) throw badResponseError(`${name} is missing`);
  return bytes;
}

/**
 * Decodes standard, padded base64, or gives `undefined` if encoding the result again would not give the same text: what
 * the gateway hands out has to be sendable back unchanged, and `Buffer.from` alone skips over any garbage.
 */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") === text) return bytes;
  bytes.fill(0);
  return undefined;
}
