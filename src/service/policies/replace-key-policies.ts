import type {
  ReplaceKeyPoliciesRequest,
  ReplaceKeyPoliciesResponse,
} from "../../gen/keyprotect/v1/policies_service.ts";
import type { KeyPolicy } from "../../gen/keyprotect/v1/policy.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { keyId, rotationInterval } from "../validation/fields.ts";
import { check, fault, type Fault, type Rule } from "../validation/rules.ts";
import { toKeyPolicy, toPolicyChange } from "./policy-message.ts";

const policyRule: Rule<KeyPolicy> = ({ kind }) => {
  if (kind === undefined)
    return fault("REQUIRED", "required: rotation or dual_auth_delete", ".kind");
  if (kind.$case !== "rotation") return undefined;
  return rotationInterval(kind.value.intervalMonths)?.map((found) => ({
    ...found,
    at: ".rotation.interval_months",
  }));
};

/** One or two policies, of different kinds. */
const policiesRule: Rule<readonly KeyPolicy[]> = (policies) => {
  if (policies.length === 0) return fault("REQUIRED", "required: at least one policy");
  if (policies.length > 2) return fault("TOO_MANY", "at most one policy of each kind");
  const faults: Fault[] = [];
  for (const [index, policy] of policies.entries()) {
    for (const found of policyRule(policy) ?? []) {
      faults.push({ ...found, at: `[${index}]${found.at}` });
    }
  }
  const [first, second] = policies;
  if (first?.kind !== undefined && first.kind.$case === second?.kind?.$case) {
    faults.push(...fault("DUPLICATE", "each kind of policy is allowed once", "[1]"));
  }
  return faults.length === 0 ? undefined : faults;
};

/** Creates the handler of ReplaceKeyPolicies. */
export const replaceKeyPolicies = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<ReplaceKeyPoliciesRequest, ReplaceKeyPoliciesResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "key_id", request.keyId, keyId);
      check(violations, "policies", request.policies, policiesRule);
    },
    subjectOf: (request) => ({ keyId: request.keyId }),
    async answer(request, context) {
      const policies = await keyProtectOf(context).replaceKeyPolicies(
        context,
        request.keyId,
        request.policies.map(toPolicyChange).filter((change) => change !== undefined),
      );
      return { policies: policies.map(toKeyPolicy) };
    },
  });
