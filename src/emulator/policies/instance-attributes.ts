/** The attributes of instance policies, and the rules for their values. */
import { isIP } from "node:net";
import {
  booleanField,
  fieldOf,
  integerField,
  rejectUnknownFields,
  stringField,
  stringsField,
} from "../api/json-fields.ts";
import type { JsonObject } from "../api/json-fields.ts";
import { invalidField, rejection } from "../api/vendor-error.ts";

interface AttributeRule {
  readonly names: readonly string[];
  /** Which attributes are required: the ones of every policy, those of an enabled one, or none. */
  readonly required: "always" | "when-enabled" | "never";
  /** Whether a policy that is not enabled may have attributes. */
  readonly isAllowedWhenDisabled: boolean;
  /** Rejects an attribute whose value is not allowed. */
  readonly check: (attributes: JsonObject, name: string) => void;
  /** Values of attributes that an enabled policy leaves out. */
  readonly defaults?: JsonObject;
}

const maxSubnets = 1000;

const accessNames = [
  "create_root_key",
  "create_standard_key",
  "import_root_key",
  "import_standard_key",
  "enforce_token",
] as const;

const none: AttributeRule = {
  names: [],
  required: "never",
  isAllowedWhenDisabled: true,
  check: () => {},
};

const rules = {
  allowedNetwork: {
    names: ["allowed_network"],
    required: "always",
    isAllowedWhenDisabled: true,
    check: checkNetwork,
  },
  allowedIP: {
    names: ["allowed_ip"],
    required: "when-enabled",
    isAllowedWhenDisabled: false,
    check: checkAddresses,
  },
  dualAuthDelete: none,
  metrics: none,
  keyCreateImportAccess: {
    names: accessNames,
    required: "never",
    isAllowedWhenDisabled: false,
    check: booleanField,
    defaults: {
      create_root_key: true,
      create_standard_key: true,
      import_root_key: true,
      import_standard_key: true,
      enforce_token: false,
    },
  },
  rotation: {
    names: ["interval_month"],
    required: "when-enabled",
    isAllowedWhenDisabled: false,
    check: (attributes, name) => integerField(attributes, name, 1, 12),
  },
} as const satisfies Readonly<Record<string, AttributeRule>>;

/** The name of an instance policy. */
export type InstancePolicyName = keyof typeof rules;

/** Tells whether an instance policy has this name. */
export function isInstancePolicyName(name: string): name is InstancePolicyName {
  return Object.hasOwn(rules, name);
}

/**
 * Rejects attributes that are unknown, missing, not allowed or of a wrong value. Returns those that
 * the policy then has, with defaults; `undefined` for none.
 */
export function readAttributes(
  policy: InstancePolicyName,
  isEnabled: boolean,
  attributes: JsonObject,
): JsonObject | undefined {
  const rule: AttributeRule = rules[policy];
  rejectUnknownFields(attributes, rule.names);
  const isRequired = rule.required === "always" || (rule.required === "when-enabled" && isEnabled);
  for (const name of rule.names) {
    if (fieldOf(attributes, name) === undefined) {
      if (isRequired) throw rejection("BAD_BODY_ERR", { detail: `${name} is missing` });
      continue;
    }
    if (!isEnabled && !rule.isAllowedWhenDisabled) {
      throw invalidField(name, "absent from a policy that is not enabled");
    }
    rule.check(attributes, name);
  }
  const kept = rule.names
    .map((name) => [name, fieldOf(attributes, name) ?? rule.defaults?.[name]] as const)
    .filter(([, value]) => value !== undefined);
  return kept.length > 0 && (isEnabled || rule.isAllowedWhenDisabled)
    ? Object.fromEntries(kept)
    : undefined;
}

function checkNetwork(attributes: JsonObject, name: string): void {
  const network = stringField(attributes, name);
  if (network !== "public-and-private" && network !== "private-only") {
    throw invalidField(name, "public-and-private or private-only");
  }
}

function checkAddresses(attributes: JsonObject, name: string): void {
  const addresses = stringsField(attributes, name);
  if (addresses.length === 0 || addresses.length > maxSubnets || !addresses.every(isCidr)) {
    throw invalidField(name, `a list of 1 to ${maxSubnets} subnets in CIDR notation`);
  }
}

function isCidr(text: string): boolean {
  const [, address = "", bits = ""] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128);
}
