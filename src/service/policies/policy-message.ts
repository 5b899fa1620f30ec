import type { KeyPolicy } from "../../gen/keyprotect/v1/policy.ts";
import type { PolicyChange, PolicyResource } from "../../keyprotect/resources.ts";
import { toInt32, toTime } from "../keys/key-message.ts";

function toKind(kind: PolicyResource["kind"]): KeyPolicy["kind"] {
  if (kind.kind === "rotation") {
    const intervalMonths = toInt32(kind.intervalMonths);
    return { $case: "rotation", value: { intervalMonths, enabled: kind.enabled } };
  }
  if (kind.kind === "dualAuthDelete") {
    return { $case: "dualAuthDelete", value: { enabled: kind.enabled } };
  }
  return undefined;
}

/** The message of a policy. A kind that the contract does not name stays unset. */
export const toKeyPolicy = (resource: PolicyResource): KeyPolicy => ({
  crn: resource.crn ?? "",
  createTime: toTime(resource.creationDate),
  updateTime: toTime(resource.lastUpdateDate),
  createdBy: resource.createdBy ?? "",
  updatedBy: resource.updatedBy ?? "",
  kind: toKind(resource.kind),
});

/** The change that a policy in a request asks for. `undefined` if no kind is set. */
export function toPolicyChange({ kind }: KeyPolicy): PolicyChange | undefined {
  if (kind === undefined) return undefined;
  if (kind.$case === "dualAuthDelete") {
    return { kind: "dualAuthDelete", enabled: kind.value.enabled };
  }
  const { intervalMonths, enabled } = kind.value;
  return { kind: "rotation", enabled, intervalMonths: intervalMonths || undefined };
}

/** The policy that a change leads to, as far as the change says it. */
export const toPolicyResource = (change: PolicyChange): PolicyResource => ({
  crn: undefined,
  creationDate: undefined,
  lastUpdateDate: undefined,
  createdBy: undefined,
  updatedBy: undefined,
  kind: change.kind === "rotation" ? { ...change, enabled: change.enabled ?? true } : change,
});
