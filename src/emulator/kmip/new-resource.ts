/** Reads the parts of a request that new adapters and new certificates have in common. */
import { randomBytes } from "node:crypto";
import type { JsonObject } from "../api/json-fields.ts";
import { resourcesOf, stringField } from "../api/json-fields.ts";
import type { ReasonCode } from "../api/reasons.ts";
import { isUuid } from "../api/route.ts";
import { invalidField, rejection } from "../api/vendor-error.ts";
import { findNamed } from "./records.ts";
import type { KmipNamedRecord } from "./records.ts";

/** Returns the one resource of a body. `kind` completes the error if there is not exactly one. */
export function onlyResource(body: unknown, kind: string): JsonObject {
  const resources = resourcesOf(body);
  const [fields] = resources;
  if (fields === undefined || resources.length !== 1) {
    throw rejection("BAD_BODY_ERR", { detail: `Only one ${kind} per request is supported` });
  }
  return fields;
}

const namePattern = /^[A-Za-z0-9_-]{2,40}$/;

/**
 * Reads the name of a new adapter or certificate. Without one it makes `<prefix>_<random string>`.
 * Rejects a malformed name, and with `whenTaken` one that another record has.
 */
export function readNewName(
  fields: JsonObject,
  records: ReadonlyMap<string, KmipNamedRecord>,
  prefix: string,
  whenTaken: ReasonCode,
): string {
  const name = stringField(fields, "name") ?? "";
  if (name === "") return `${prefix}_${randomBytes(6).toString("hex")}`;
  if (!namePattern.test(name) || isUuid(name)) {
    throw invalidField("name", "2 to 40 characters of letters, digits, - and _, and no UUID");
  }
  if (findNamed(records, name) !== undefined) throw rejection(whenTaken);
  return name;
}
