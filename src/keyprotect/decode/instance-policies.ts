/** The policies of an instance: their names and attributes in the API, and how they are decoded. */
import type { OnAnomaly } from "../anomaly.ts";
import { badResponseError } from "../error.ts";
import { optionalDate } from "./date.ts";
import {
  optionalBoolean,
  optionalInt32,
  optionalText,
  own,
  requiredText,
  texts,
  toObject,
  type JsonObject,
} from "./json.ts";

/** Which keys may be created and imported. `undefined`: not said. */
export interface KeyAccess {
  readonly createRootKey: boolean | undefined;
  readonly createStandardKey: boolean | undefined;
  readonly importRootKey: boolean | undefined;
  readonly importStandardKey: boolean | undefined;
  readonly enforceToken: boolean | undefined;
}

/** The content of an instance policy. Of a disabled one only `allowedNetwork` has attributes. */
export type InstancePolicyContent =
  | {
      readonly kind: "allowedNetwork";
      /** `undefined`: a choice that the gateway does not know. Never so in a request. */
      readonly network: "public-and-private" | "private-only" | undefined;
    }
  | { readonly kind: "allowedIP"; readonly cidrs: readonly string[] }
  | { readonly kind: "dualAuthDelete" }
  | { readonly kind: "metrics" }
  | { readonly kind: "keyCreateImportAccess"; readonly access: KeyAccess }
  | { readonly kind: "rotation"; readonly intervalMonths: number | undefined };

/** The kinds of instance policies, as the API names them. */
export type InstancePolicyType = InstancePolicyContent["kind"];

/** An instance policy to set. */
export interface InstancePolicyChange {
  readonly enabled: boolean;
  readonly content: InstancePolicyContent;
}

/** An instance policy. A kind that the gateway does not know is `unknown`. */
export interface InstancePolicyResource {
  readonly enabled: boolean;
  readonly content: InstancePolicyContent | { readonly kind: "unknown" };
  readonly creationDate: Date | undefined;
  readonly lastUpdated: Date | undefined;
  readonly createdBy: string | undefined;
  readonly updatedBy: string | undefined;
}

/** Former name of `allowedIP`. A list of all policies repeats that policy under it. */
const formerName = "ipWhitelist";

/** Decodes the policies of an instance. */
export const decodeInstancePolicies = (
  resources: readonly JsonObject[],
  onAnomaly: OnAnomaly,
): readonly InstancePolicyResource[] =>
  resources
    .filter((resource) => own(resource, "policy_type") !== formerName)
    .map((resource) => {
      const data = toObject(own(resource, "policy_data"), "policy_data");
      const enabled = optionalBoolean(data, "enabled");
      if (enabled === undefined) throw badResponseError("policy_data.enabled is missing");
      return {
        enabled,
        content: decodeContent(requiredText(resource, "policy_type"), enabled, data, onAnomaly),
        creationDate: optionalDate(resource, onAnomaly, "creationDate"),
        lastUpdated: optionalDate(resource, onAnomaly, "lastUpdated", "lastUpdateDate"),
        createdBy: optionalText(resource, "createdBy"),
        updatedBy: optionalText(resource, "updatedBy"),
      };
    });

function decodeContent(
  kind: string,
  enabled: boolean,
  data: JsonObject,
  onAnomaly: OnAnomaly,
): InstancePolicyResource["content"] {
  const given = toObject(own(data, "attributes") ?? {}, "attributes");
  // Key Protect resets the attributes of a disabled policy; some answers contain their defaults.
  const attributes = enabled || kind === "allowedNetwork" ? given : {};
  switch (kind) {
    case "allowedNetwork":
      return { kind, network: decodeNetwork(attributes, onAnomaly) };
    case "allowedIP":
      return { kind, cidrs: texts(attributes, "allowed_ip") };
    case "dualAuthDelete":
    case "metrics":
      return { kind };
    case "keyCreateImportAccess":
      return {
        kind,
        access: {
          createRootKey: optionalBoolean(attributes, "create_root_key"),
          createStandardKey: optionalBoolean(attributes, "create_standard_key"),
          importRootKey: optionalBoolean(attributes, "import_root_key"),
          importStandardKey: optionalBoolean(attributes, "import_standard_key"),
          enforceToken: optionalBoolean(attributes, "enforce_token"),
        },
      };
    case "rotation":
      return { kind, intervalMonths: optionalInt32(attributes, "interval_month") };
    default:
      onAnomaly("unknown_policy_kind");
      return { kind: "unknown" };
  }
}

function decodeNetwork(
  attributes: JsonObject,
  onAnomaly: OnAnomaly,
): "public-and-private" | "private-only" | undefined {
  const network = optionalText(attributes, "allowed_network");
  if (network === "public-and-private" || network === "private-only") return network;
  if (network !== undefined) onAnomaly("unknown_policy_kind");
  return undefined;
}

/** Encodes a policy to set as a resource. */
export const toInstancePolicyResource = ({ enabled, content }: InstancePolicyChange): object => ({
  policy_type: content.kind,
  policy_data: { enabled, attributes: attributesOf(enabled, content) },
});

/** The attributes to send; `undefined` where the API allows none. */
function attributesOf(enabled: boolean, content: InstancePolicyContent): object | undefined {
  if (content.kind === "allowedNetwork") return { allowed_network: content.network };
  if (!enabled) return undefined;
  switch (content.kind) {
    case "allowedIP":
      return { allowed_ip: content.cidrs };
    case "keyCreateImportAccess": {
      const { access } = content;
      return {
        create_root_key: access.createRootKey,
        create_standard_key: access.createStandardKey,
        import_root_key: access.importRootKey,
        import_standard_key: access.importStandardKey,
        enforce_token: access.enforceToken,
      };
    }
    case "rotation":
      return { interval_month: content.intervalMonths };
    case "dualAuthDelete":
    case "metrics":
      break;
  }
  return undefined;
}
