/**
 * Reads JSON bodies as the service does. Its Go decoder ignores the case of field names and treats
 * `null` as absent. Values of a wrong type are rejected with BAD_BODY_ERR.
 */
import { invalidField, rejection } from "./vendor-error.ts";

/** A decoded JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Tells whether a JSON value is an object. An array is not. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Finds a field, ignoring the case of its name. `null` counts as absent. */
export function fieldOf(object: JsonObject, name: string): unknown {
  const exact = object[name];
  if (exact !== undefined) return exact ?? undefined;
  const lower = name.toLowerCase();
  for (const key of Object.keys(object)) {
    if (key.toLowerCase() === lower) return object[key] ?? undefined;
  }
  return undefined;
}

function wrongType(name: string, type: string): Error {
  return rejection("BAD_BODY_ERR", {
    detail: `json: cannot unmarshal field ${name} into type ${type}`,
  });
}

/** Reads an optional string. */
export function stringField(object: JsonObject, name: string): string | undefined {
  const value = fieldOf(object, name);
  if (value === undefined || typeof value === "string") return value;
  throw wrongType(name, "string");
}

/** Reads an optional boolean. */
export function booleanField(object: JsonObject, name: string): boolean | undefined {
  const value = fieldOf(object, name);
  if (value === undefined || typeof value === "boolean") return value;
  throw wrongType(name, "bool");
}

/** Reads an optional integer from `min` to `max`. Rejects others with INVALID_FIELD_ERR. */
export function integerField(
  object: JsonObject,
  name: string,
  min: number,
  max: number,
): number | undefined {
  const value = fieldOf(object, name);
  if (value === undefined) return undefined;
  if (typeof value !== "number") throw wrongType(name, "int");
  if (!Number.isInteger(value) || value < min || value > max) {
    throw invalidField(name, `an integer between ${min} and ${max} (inclusive)`);
  }
  return value;
}

/** Reads an optional list of strings. An absent list is empty. */
export function stringsField(object: JsonObject, name: string): readonly string[] {
  const value = fieldOf(object, name);
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw wrongType(name, "[]string");
  return value.map((item: unknown) => {
    if (typeof item !== "string") throw wrongType(name, "[]string");
    return item;
  });
}

/** Reads an optional object. */
export function objectField(object: JsonObject, name: string): JsonObject | undefined {
  const value = fieldOf(object, name);
  if (value === undefined || isJsonObject(value)) return value;
  throw wrongType(name, "object");
}

/** Rejects an object that has fields other than `known`. */
export function rejectUnknownFields(object: JsonObject, known: readonly string[]): void {
  for (const key of Object.keys(object)) {
    if (!known.includes(key)) {
      throw rejection("BAD_BODY_ERR", { detail: `json: unknown field "${key}"` });
    }
  }
}

/** Returns the resources of a collection body. Rejects a body with missing or wrong metadata. */
export function resourcesOf(body: unknown): readonly JsonObject[] {
  if (body === undefined) throw rejection("NO_BODY_ERR");
  if (!isJsonObject(body)) throw rejection("BAD_BODY_ERR", { detail: "not a collection" });
  const metadata = objectField(body, "metadata");
  if (metadata === undefined || Object.keys(metadata).length === 0) {
    throw rejection("BAD_BODY_ERR", { detail: "CollectionMetadata is empty" });
  }
  const resources = fieldOf(body, "resources");
  if (!Array.isArray(resources) || !resources.every(isJsonObject)) {
    throw rejection("BAD_BODY_ERR", { detail: "resources is not a list of objects" });
  }
  const total = fieldOf(metadata, "collectionTotal");
  if (total !== resources.length) throw rejection("COLLECTION_TOTAL_MISMATCH_ERR");
  return resources;
}

const illegalBase64 = /[^A-Za-z0-9+/]/;

/** Decodes standard base64 with padding. `rule` completes "must be: " in the error. */
export function decodeBase64(name: string, text: string, rule: string): Buffer {
  const compact = text.replace(/[\r\n]/g, "");
  const padding = compact.endsWith("==") ? 2 : compact.endsWith("=") ? 1 : 0;
  const digits = compact.slice(0, compact.length - padding);
  const illegalAt = illegalBase64.exec(digits)?.index;
  if (illegalAt !== undefined || compact.length % 4 !== 0) {
    const at = illegalAt ?? digits.length;
    throw invalidField(name, `${rule}: illegal base64 data at input byte ${at}`);
  }
  return Buffer.from(compact, "base64");
}
