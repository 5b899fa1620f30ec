/** Creates keys from requests: validation, defaults, material and policies. */
import { randomBytes, randomUUID } from "node:crypto";
import { checkNewAlias, maxAliasesPerKey } from "./alias-routes.ts";
import type { Call } from "../api/route.ts";
import {
  booleanField,
  objectField,
  resourcesOf,
  stringField,
  stringsField,
} from "../api/json-fields.ts";
import type { JsonObject } from "../api/json-fields.ts";
import { readMaterial } from "../lockers/import-material.ts";
import type { ImportedMaterial } from "../lockers/import-material.ts";
import type { Instance } from "../instance.ts";
import type { KeyRecord } from "./record.ts";
import { newRotationPolicy, newDualAuthPolicy, readRotation } from "./policy-record.ts";
import type { Environment } from "../environment.ts";
import { invalidField, rejection } from "../api/vendor-error.ts";
import { parseDateTime } from "../clock.ts";

const forbiddenInTags = /[<>,:&|]/;

/**
 * Creates the key that a request describes and adds it to the instance. With `hasOverrides` its
 * policies come from the request, otherwise from the policies of the instance.
 */
export function createKey(call: Call, environment: Environment, hasOverrides: boolean): KeyRecord {
  const { instance, user, now } = call;
  const resources = resourcesOf(call.body);
  const fields = resources[0];
  if (fields === undefined || resources.length !== 1) {
    throw rejection("BAD_BODY_ERR", {
      detail: "Only creation of one key per request is supported",
    });
  }
  const extractable = booleanField(fields, "extractable") ?? true;
  const ringId = ringOf(call);
  const description = readDescription(fields);
  const name = readName(fields, environment.profile.nameMaxLength);
  const tags = readTags(fields);
  const aliases = readAliases(fields, instance);
  const expiresAt = readExpiration(fields, now);
  const brought = readMaterial(fields, !extractable, instance, now);
  checkAccess(instance, extractable, brought);

  const id = randomUUID();
  const key: KeyRecord = {
    id,
    crn: `crn:v1:bluemix:public:kms:${environment.region}:a/${environment.accountId}:${instance.id}:key:${id}`,
    name,
    description,
    tags,
    aliases: [...aliases],
    extractable,
    imported: brought !== undefined,
    ringId,
    createdAt: now,
    createdBy: user.subject,
    expiresAt,
    updatedAt: undefined,
    rotatedAt: undefined,
    suspendedAt: undefined,
    deletion: undefined,
    lifecycleEventAt: undefined,
    versions: [
      { id: randomUUID(), createdAt: now, material: brought?.material ?? randomBytes(32) },
    ],
    rotation: undefined,
    dualAuthDelete: undefined,
    deletionAuthorization: undefined,
    registrations: [],
  };
  if (hasOverrides) applyOverrides(key, fields, call);
  else applyInstancePolicies(key, call);
  instance.keys.add(key);
  return key;
}

function ringOf({ headers, instance }: Call): string {
  const ring = headers["x-kms-key-ring"];
  if (typeof ring !== "string" || ring === "" || ring === "default") return "default";
  if (!instance.rings.has(ring)) throw rejection("KEY_RING_NOT_FOUND_ERR");
  return ring;
}

function readName(fields: JsonObject, maxLength: number): string {
  const name = stringField(fields, "name");
  if (name === undefined || name.length < 2 || name.length > maxLength) {
    throw invalidField("name", `a string of 2 to ${maxLength} characters`);
  }
  return name;
}

function readDescription(fields: JsonObject): string | undefined {
  const description = stringField(fields, "description");
  if (description === undefined || description === "") return undefined;
  if (description.length < 2 || description.length > 240) {
    throw invalidField("description", "a string of 2 to 240 characters");
  }
  return description;
}

function readTags(fields: JsonObject): readonly string[] {
  const tags = stringsField(fields, "tags");
  if (tags.length > 30 || tags.some((tag) => tag.length > 30 || forbiddenInTags.test(tag))) {
    throw invalidField("tags", "at most 30 strings of at most 30 characters without < > , : & |");
  }
  return tags;
}

function readAliases(fields: JsonObject, instance: Instance): readonly string[] {
  const aliases = stringsField(fields, "aliases");
  if (aliases.length > maxAliasesPerKey || new Set(aliases).size !== aliases.length) {
    throw invalidField("aliases", `at most ${maxAliasesPerKey} different aliases`);
  }
  for (const alias of aliases) checkNewAlias(alias, instance.keys);
  return aliases;
}

function readExpiration(fields: JsonObject, now: number): number | undefined {
  const text = stringField(fields, "expirationDate");
  if (text === undefined || text === "") return undefined;
  const expiresAt = parseDateTime(text);
  if (Number.isNaN(expiresAt)) {
    throw invalidField("expirationDate", "a date and time as RFC 3339 defines them");
  }
  if (expiresAt <= now) throw invalidField("expirationDate", "a time in the future");
  return expiresAt;
}

function checkAccess(
  instance: Instance,
  extractable: boolean,
  brought: ImportedMaterial | undefined,
): void {
  const policy = instance.policies.get("keyCreateImportAccess")?.setting;
  if (policy?.isEnabled !== true) return;
  const action = `${brought === undefined ? "create" : "import"}_${extractable ? "standard" : "root"}_key`;
  const isForbidden = policy.attributes?.[action] === false;
  const lacksToken =
    policy.attributes?.["enforce_token"] === true && brought !== undefined && !brought.isEncrypted;
  if (isForbidden || lacksToken) throw rejection("KEY_CREATE_IMPORT_ACCESS_ERR");
}

function applyOverrides(key: KeyRecord, fields: JsonObject, call: Call): void {
  const rotation = objectField(fields, "rotation");
  const dualAuth = objectField(fields, "dualAuthDelete");
  if (rotation !== undefined && booleanField(rotation, "enabled") !== false) {
    key.rotation = newRotationPolicy(readRotation(rotation, undefined, key), call);
  }
  if (dualAuth !== undefined && booleanField(dualAuth, "enabled") === true) {
    key.dualAuthDelete = newDualAuthPolicy(true, call);
  }
}

function applyInstancePolicies(key: KeyRecord, call: Call): void {
  const { policies } = call.instance;
  const rotation = policies.get("rotation")?.setting;
  const months = rotation?.attributes?.["interval_month"];
  if (
    rotation?.isEnabled === true &&
    typeof months === "number" &&
    !key.extractable &&
    !key.imported
  ) {
    key.rotation = newRotationPolicy({ isEnabled: true, intervalMonths: months }, call);
  }
  if (policies.get("dualAuthDelete")?.setting.isEnabled === true) {
    key.dualAuthDelete = newDualAuthPolicy(true, call);
  }
}
