/** The routes of policies that apply to a whole instance. */
import { collection, noContent } from "../api/route.ts";
import type { Call, Route } from "../api/route.ts";
import {
  booleanField,
  objectField,
  rejectUnknownFields,
  resourcesOf,
  stringField,
} from "../api/json-fields.ts";
import type { JsonObject } from "../api/json-fields.ts";
import type { InstancePolicySetting } from "../instance.ts";
import { isInstancePolicyName, readAttributes } from "./instance-attributes.ts";
import type { InstancePolicyName } from "./instance-attributes.ts";
import { setPolicy } from "../keys/policy-record.ts";
import type { Operation } from "../api/operations.ts";
import { invalidField, invalidQuery, plainRejection, rejection } from "../api/vendor-error.ts";
import { toVendorDate } from "../clock.ts";

type InstancePolicyOperation = Extract<
  Operation,
  "getInstancePolicy" | "putInstancePolicy" | "getAllowedIPPort"
>;

const policyType = "application/vnd.ibm.kms.policy+json";
const allowedIpType = "application/vnd.ibm.kms.allowed_ip_metadata+json";
const allowedIpPort = 15_008;

/** Creates the routes of instance policies. */
export function createInstancePolicyRoutes(): Record<InstancePolicyOperation, Route> {
  return {
    getInstancePolicy: ({ instance, query }) => {
      const requested = requestedPolicy(query);
      const resources = [...instance.policies]
        .filter(([name]) => requested === undefined || name === requested)
        .map(([name, policy]) => ({
          policy_type: name,
          policy_data: { enabled: policy.setting.isEnabled, attributes: policy.setting.attributes },
          createdBy: policy.createdBy,
          creationDate: toVendorDate(policy.createdAt),
          updatedBy: policy.updatedBy,
          lastUpdated: toVendorDate(policy.updatedAt),
        }));
      return { status: 200, mediaType: policyType, body: collection(policyType, resources) };
    },
    putInstancePolicy: (call) => {
      putPolicies(call);
      return noContent;
    },
    getAllowedIPPort: ({ instance }) => {
      if (instance.policies.get("allowedIP")?.setting.isEnabled !== true) {
        throw plainRejection(404, "No allowed IP policy is active for this instance.");
      }
      const resource = { private_endpoint_port: allowedIpPort };
      return { status: 200, mediaType: allowedIpType, body: collection(allowedIpType, [resource]) };
    },
  };
}

function requestedPolicy(query: URLSearchParams): InstancePolicyName | undefined {
  const name = query.get("policy") ?? "";
  if (name === "") return undefined;
  if (!isInstancePolicyName(name)) throw invalidQuery("policy", "the name of an instance policy");
  return name;
}

function putPolicies(call: Call): void {
  const requested = requestedPolicy(call.query);
  const resources = resourcesOf(call.body);
  if (requested !== undefined && resources.length !== 1) {
    throw rejection("NUM_COLLECTION_RESOURCE_ERR");
  }
  if (resources.length === 0) {
    throw rejection("BAD_BODY_ERR", { detail: "at least one policy is expected" });
  }
  // Reads all policies before it sets one, so that a rejected request changes nothing.
  const changes = resources.map((fields) => readChange(fields, requested));
  if (new Set(changes.map(({ name }) => name)).size < changes.length) {
    throw rejection("NUM_COLLECTION_RESOURCE_ERR");
  }
  for (const { name, setting } of changes) {
    const { policies } = call.instance;
    policies.set(name, setPolicy(policies.get(name), setting, call));
  }
}

function readChange(
  fields: JsonObject,
  requested: InstancePolicyName | undefined,
): { readonly name: InstancePolicyName; readonly setting: InstancePolicySetting } {
  rejectUnknownFields(fields, ["policy_type", "policy_data"]);
  const name = stringField(fields, "policy_type") ?? "";
  if (requested !== undefined && requested !== name)
    throw rejection("BODY_QUERY_PARAM_MISMATCH_ERR");
  if (!isInstancePolicyName(name))
    throw invalidField("policy_type", "the name of an instance policy");
  const content = objectField(fields, "policy_data");
  const isEnabled = content === undefined ? undefined : booleanField(content, "enabled");
  if (content === undefined || isEnabled === undefined) {
    throw rejection("BAD_BODY_ERR", { detail: "policy_data.enabled is missing" });
  }
  rejectUnknownFields(content, ["enabled", "attributes"]);
  const given = objectField(content, "attributes") ?? {};
  const attributes = readAttributes(name, isEnabled, given);
  return { name, setting: { isEnabled, attributes } };
}
