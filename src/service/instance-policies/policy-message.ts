/** Policies of an instance: message ↔ Key Protect's terms. */
import {
  InstanceNetwork,
  type InstancePolicy,
} from "../../gen/keyprotect/v1/instance_policies_service.ts";
import type {
  InstancePolicyChange,
  InstancePolicyContent,
  InstancePolicyResource,
} from "../../keyprotect/decode/instance-policies.ts";
import { toInt32, toTime } from "../keys/key-message.ts";

const networks = {
  "public-and-private": InstanceNetwork.PUBLIC_AND_PRIVATE,
  "private-only": InstanceNetwork.PRIVATE_ONLY,
} as const;

function toKind(content: InstancePolicyResource["content"]): InstancePolicy["kind"] {
  switch (content.kind) {
    case "allowedNetwork": {
      const network =
        content.network === undefined ? InstanceNetwork.UNSPECIFIED : networks[content.network];
      return { $case: "allowedNetwork", value: { network } };
    }
    case "allowedIP":
      return { $case: "allowedIp", value: { cidrs: [...content.cidrs] } };
    case "dualAuthDelete":
    case "metrics":
      return { $case: content.kind, value: {} };
    case "keyCreateImportAccess":
      return { $case: "keyCreateImportAccess", value: { ...content.access } };
    case "rotation":
      return { $case: "rotation", value: { intervalMonths: toInt32(content.intervalMonths) } };
    case "unknown":
      break;
  }
  return undefined;
}

/** The message of a policy. A kind that the contract does not name stays unset. */
export const toInstancePolicy = (resource: InstancePolicyResource): InstancePolicy => ({
  enabled: resource.enabled,
  createTime: toTime(resource.creationDate),
  updateTime: toTime(resource.lastUpdated),
  createdBy: resource.createdBy ?? "",
  updatedBy: resource.updatedBy ?? "",
  kind: toKind(resource.content),
});

function toContent(kind: NonNullable<InstancePolicy["kind"]>): InstancePolicyContent {
  switch (kind.$case) {
    case "allowedNetwork": {
      const isPrivate = kind.value.network === InstanceNetwork.PRIVATE_ONLY;
      return { kind: kind.$case, network: isPrivate ? "private-only" : "public-and-private" };
    }
    case "allowedIp":
      return { kind: "allowedIP", cidrs: kind.value.cidrs };
    case "dualAuthDelete":
    case "metrics":
      return { kind: kind.$case };
    case "keyCreateImportAccess": {
      const { createRootKey, createStandardKey, ...others } = kind.value;
      const { importRootKey, importStandardKey, enforceToken } = others;
      const access = { createRootKey, createStandardKey, importRootKey, importStandardKey };
      return { kind: kind.$case, access: { ...access, enforceToken } };
    }
    case "rotation":
      break;
  }
  return { kind: kind.$case, intervalMonths: kind.value.intervalMonths };
}

/** The changes that the policies of a valid request ask for. */
export const toInstancePolicyChanges = (
  policies: readonly InstancePolicy[],
): readonly InstancePolicyChange[] =>
  policies.flatMap(({ enabled, kind }) =>
    enabled === undefined || kind === undefined ? [] : [{ enabled, content: toContent(kind) }],
  );
