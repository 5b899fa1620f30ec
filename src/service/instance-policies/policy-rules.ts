/** The rules of the policies in a ReplaceInstancePolicies request. */
import {
  InstanceNetwork,
  type InstanceKeyCreateImportAccess,
  type InstancePolicy,
} from "../../gen/keyprotect/v1/instance_policies_service.ts";
import { parseIpNetwork } from "../../platform/network/ip-network.ts";
import { each, fault, integer, known, type Fault, type Rule } from "../validation/rules.ts";

/** Kinds of policies, and so the largest number of policies. */
const kindCount = 6;
/** Key Protect's own limit. */
const maxCidrs = 1_000;

const ofDisabled = (at = ""): readonly Fault[] =>
  fault("CONFLICT", "not allowed in a policy that is disabled", at);

const network = known("INSTANCE_NETWORK_", InstanceNetwork, false);

const cidr: Rule<string> = (text) =>
  parseIpNetwork(text) === undefined
    ? fault("FORMAT_INVALID", "a network in CIDR notation, such as 203.0.113.0/24")
    : undefined;

/** Without `enabled`, which is a violation of its own, only the form of values is checked. */
const cidrs =
  (enabled: boolean | undefined): Rule<readonly string[]> =>
  (values) => {
    if (enabled === false) return values.length > 0 ? ofDisabled() : undefined;
    if (enabled === true && values.length === 0) {
      return fault("REQUIRED", `required: 1 to ${maxCidrs} networks`);
    }
    return each(cidr, maxCidrs)(values);
  };

const accessFields = [
  ["createRootKey", "create_root_key"],
  ["createStandardKey", "create_standard_key"],
  ["importRootKey", "import_root_key"],
  ["importStandardKey", "import_standard_key"],
  ["enforceToken", "enforce_token"],
] as const;

const access =
  (enabled: boolean | undefined): Rule<InstanceKeyCreateImportAccess> =>
  (value) =>
    enabled === false
      ? accessFields.flatMap(([name, field]) =>
          value[name] === undefined ? [] : ofDisabled(`.${field}`),
        )
      : undefined;

const interval = (enabled: boolean | undefined): Rule<number> => {
  if (enabled === false) return (months) => (months === 0 ? undefined : ofDisabled());
  return integer(enabled === true ? 1 : 0, 12);
};

const under = (path: string, faults: readonly Fault[] | undefined): readonly Fault[] =>
  (faults ?? []).map((found) => ({ ...found, at: path + found.at }));

function kindFaults({ enabled, kind }: InstancePolicy): readonly Fault[] {
  switch (kind?.$case) {
    case undefined:
      return fault("REQUIRED", "required: one kind of policy", ".kind");
    case "allowedNetwork":
      return under(".allowed_network.network", network(kind.value.network));
    case "allowedIp":
      return under(".allowed_ip.cidrs", cidrs(enabled)(kind.value.cidrs));
    case "keyCreateImportAccess":
      return under(".key_create_import_access", access(enabled)(kind.value));
    case "rotation":
      return under(".rotation.interval_months", interval(enabled)(kind.value.intervalMonths));
    case "dualAuthDelete":
    case "metrics":
      break;
  }
  return [];
}

const onePolicy: Rule<InstancePolicy> = (policy) => {
  const missing =
    policy.enabled === undefined ? fault("REQUIRED", "required: true or false", ".enabled") : [];
  return [...missing, ...kindFaults(policy)];
};

/** One to six policies, of different kinds. */
export const instancePolicies: Rule<readonly InstancePolicy[]> = (policies) => {
  if (policies.length === 0) return fault("REQUIRED", "required: at least one policy");
  if (policies.length > kindCount) return fault("TOO_MANY", "at most one policy of each kind");
  const kinds = policies.map(({ kind }) => kind?.$case);
  const repeated = kinds.flatMap((kind, at) =>
    kind !== undefined && kinds.indexOf(kind) < at
      ? fault("DUPLICATE", "each kind of policy is allowed once", `[${at}]`)
      : [],
  );
  const found = [...(each(onePolicy, kindCount)(policies) ?? []), ...repeated];
  return found.length === 0 ? undefined : found;
};
