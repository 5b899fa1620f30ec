/** The routes of key policies: rotation and dual authorization. */
import { collection, noContent, preferenceOf } from "../api/route.ts";
import type { Answer, Call, Route } from "../api/route.ts";
import {
  booleanField,
  fieldOf,
  objectField,
  rejectUnknownFields,
  resourcesOf,
} from "../api/json-fields.ts";
import type { JsonObject } from "../api/json-fields.ts";
import type { KeyRecord, PolicyRecord } from "../keys/record.ts";
import { keyOf } from "../keys/query.ts";
import { readRotation, setPolicy } from "../keys/policy-record.ts";
import type { Operation } from "../api/operations.ts";
import { invalidField, invalidQuery, rejection } from "../api/vendor-error.ts";
import { toVendorDate } from "../clock.ts";

type PolicyOperation = Extract<Operation, "getPolicy" | "putPolicy">;

const policyType = "application/vnd.ibm.kms.policy+json";
const policyNames = ["rotation", "dualAuthDelete"] as const;
type PolicyName = (typeof policyNames)[number];

/** Creates the routes of key policies. */
export function createPolicyRoutes(): Record<PolicyOperation, Route> {
  return {
    getPolicy: (call) => {
      const requested = requestedPolicy(call.query);
      return policiesAnswer(keyOf(call), requested === undefined ? policyNames : [requested]);
    },
    putPolicy: (call) => {
      const key = keyOf(call);
      if (key.deletion !== undefined) throw rejection("KEY_DELETED_ERR");
      const requested = requestedPolicy(call.query);
      const put = putPolicies(key, call, requested);
      key.updatedAt = call.now;
      if (preferenceOf(call.headers) === "minimal") return noContent;
      return policiesAnswer(key, put);
    },
  };
}

function requestedPolicy(query: URLSearchParams): PolicyName | undefined {
  const text = query.get("policy");
  if (text === null || text === "") return undefined;
  const name = policyNames.find((candidate) => candidate === text);
  if (name === undefined) throw invalidQuery("policy", "rotation or dualAuthDelete");
  return name;
}

/** Sets the policies of a request. Returns their names. */
function putPolicies(
  key: KeyRecord,
  call: Call,
  requested: PolicyName | undefined,
): readonly PolicyName[] {
  const resources = resourcesOf(call.body);
  if (requested !== undefined && resources.length > 1)
    throw rejection("NUM_COLLECTION_RESOURCE_ERR");
  if (resources.length === 0 || resources.length > policyNames.length) {
    throw rejection("BAD_BODY_ERR", { detail: "one or two policies are expected" });
  }
  // Reads all policies before it sets one, so that a rejected request changes nothing.
  const changes = resources.map((fields) => readChange(key, call, fields, requested));
  for (const { set } of changes) set();
  return changes.map(({ name }) => name);
}

function readChange(
  key: KeyRecord,
  call: Call,
  fields: JsonObject,
  requested: PolicyName | undefined,
): { readonly name: PolicyName; readonly set: () => void } {
  rejectUnknownFields(fields, ["type", "id", "crn", ...policyNames]);
  const named = policyNames.filter((name) => fieldOf(fields, name) !== undefined);
  const [name] = named;
  if (name === undefined || named.length > 1) {
    throw rejection("BAD_BODY_ERR", { detail: "each resource holds exactly one policy" });
  }
  if (requested !== undefined && requested !== name)
    throw rejection("BODY_QUERY_PARAM_MISMATCH_ERR");

  if (name === "rotation") {
    const rotation = readRotation(fieldOf(fields, name), key.rotation?.setting, key);
    return {
      name,
      set: () => {
        key.rotation = setPolicy(key.rotation, rotation, call);
      },
    };
  }
  const dualAuth = objectField(fields, name);
  const isEnabled = dualAuth === undefined ? undefined : booleanField(dualAuth, "enabled");
  if (isEnabled === undefined) throw rejection("BAD_BODY_ERR", { detail: "enabled is missing" });
  if (key.dualAuthDelete?.setting === true && !isEnabled) {
    throw invalidField("enabled", "true: dual authorization cannot be turned off for a key");
  }
  return {
    name,
    set: () => {
      key.dualAuthDelete = setPolicy(key.dualAuthDelete, isEnabled, call);
    },
  };
}

function policiesAnswer(key: KeyRecord, names: readonly PolicyName[]): Answer {
  const resources: object[] = [];
  if (key.rotation !== undefined && names.includes("rotation")) {
    const { isEnabled, intervalMonths } = key.rotation.setting;
    resources.push(
      policyResource(key, key.rotation, {
        rotation: { enabled: isEnabled, interval_month: intervalMonths },
      }),
    );
  }
  if (key.dualAuthDelete !== undefined && names.includes("dualAuthDelete")) {
    const { setting } = key.dualAuthDelete;
    resources.push(
      policyResource(key, key.dualAuthDelete, { dualAuthDelete: { enabled: setting } }),
    );
  }
  return { status: 200, mediaType: policyType, body: collection(policyType, resources) };
}

function policyResource(key: KeyRecord, policy: PolicyRecord<unknown>, content: object): object {
  return {
    id: policy.id,
    type: policyType,
    crn: `${key.crn}:policy:${policy.id}`,
    ...content,
    createdBy: policy.createdBy,
    creationDate: toVendorDate(policy.createdAt),
    updatedBy: policy.updatedBy,
    lastUpdateDate: toVendorDate(policy.updatedAt),
  };
}
