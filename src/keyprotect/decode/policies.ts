import type { OnAnomaly } from "../anomaly.ts";
import { badResponseError } from "../error.ts";
import {
  optionalBoolean,
  optionalInt32,
  optionalText,
  own,
  toObject,
  type JsonObject,
} from "./json.ts";
import { optionalDate } from "./date.ts";
import type { PolicyResource } from "../resources.ts";
import { isSameUuid, isUuid } from "../../platform/uuid.ts";

/**
 * Decodes the policies of the requested key. Throws `BAD_RESPONSE` for a policy of another key. An
 * unknown kind is kept as `unknown`. The spellings of 2019 are accepted.
 */
export function decodePolicies(
  resources: readonly JsonObject[],
  askedFor: string,
  onAnomaly: OnAnomaly,
): readonly PolicyResource[] {
  return resources.flatMap((resource) => decodePolicy(resource, askedFor, onAnomaly));
}

function decodePolicy(
  resource: JsonObject,
  askedFor: string,
  onAnomaly: OnAnomaly,
): readonly PolicyResource[] {
  const crn = optionalText(resource, "crn");
  checkCrn(crn, askedFor);
  const common = {
    crn,
    creationDate: optionalDate(resource, onAnomaly, "creationDate", "creationdate", "createdat"),
    lastUpdateDate: optionalDate(
      resource,
      onAnomaly,
      "lastUpdateDate",
      "lastupdatedate",
      "updatedat",
    ),
    createdBy: optionalText(resource, "createdBy", "createdby"),
    updatedBy: optionalText(resource, "updatedBy", "updatedby"),
  };
  return decodeKinds(resource, onAnomaly).map((kind) => ({ ...common, kind }));
}

/** A policy's CRN may name only the policy. If it names a key, it must be the requested one. */
function checkCrn(crn: string | undefined, askedFor: string): void {
  const keyId = crn === undefined ? undefined : /:key:([^:]+)/.exec(crn)?.[1];
  if (keyId !== undefined && isUuid(askedFor) && !isSameUuid(keyId, askedFor)) {
    throw badResponseError("crn is that of another key's policy");
  }
}

function decodeKinds(resource: JsonObject, onAnomaly: OnAnomaly): PolicyResource["kind"][] {
  const rotation = own(resource, "rotation");
  const dualAuthDelete = own(resource, "dualAuthDelete");
  if (rotation === undefined && dualAuthDelete === undefined) {
    onAnomaly("unknown_policy_kind");
    return [{ kind: "unknown" }];
  }
  const kinds: PolicyResource["kind"][] = [];
  if (rotation !== undefined) kinds.push(decodeRotation(toObject(rotation, "rotation")));
  if (dualAuthDelete !== undefined) {
    const enabled = optionalBoolean(toObject(dualAuthDelete, "dualAuthDelete"), "enabled");
    if (enabled === undefined) throw badResponseError("dualAuthDelete.enabled is missing");
    kinds.push({ kind: "dualAuthDelete", enabled });
  }
  return kinds;
}

/** Decodes a rotation policy. 2019 has no `enabled`. A disabled policy may have no interval. */
function decodeRotation(rotation: JsonObject): PolicyResource["kind"] {
  const enabled = optionalBoolean(rotation, "enabled") ?? true;
  const months = optionalInt32(rotation, "interval_month") ?? 0;
  const intervalMonths = months >= 1 ? months : undefined;
  if (enabled && intervalMonths === undefined) {
    throw badResponseError("rotation.interval_month is not a number of months");
  }
  return { kind: "rotation", enabled, intervalMonths };
}
