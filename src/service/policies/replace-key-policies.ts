import type {
  ReplaceKeyPoliciesRequest,
  ReplaceKeyPoliciesResponse,
} from "../../gen/keyprotect/v1/policies_service.ts";
import type { KeyPolicy, RotationPolicy } from "../../gen/keyprotect/v1/policy.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import type { ApiDialect } from "../../platform/api-dialect.ts";
import type { PolicyChange, PolicyResource } from "../../keyprotect/resources.ts";
import { createHandler } from "../create-handler.ts";
import { readAfterChange } from "../keys/read-after-change.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { keyId, rotationInterval } from "../validation/fields.ts";
import { check, fault, type Fault, type Rule } from "../validation/rules.ts";
import { toKeyPolicy, toPolicyChange, toPolicyResource } from "./policy-message.ts";

/** Whether the interval may be 0, so that the policy keeps its interval. */
const keepsInterval = ({ enabled }: RotationPolicy, dialect: ApiDialect | undefined): boolean =>
  // The 2019 dialect refuses a disabled policy as unsupported, whatever its interval.
  enabled === false || (enabled === true && dialect !== "2019");

const policyRule =
  (dialect: ApiDialect | undefined): Rule<KeyPolicy> =>
  ({ kind }) => {
    if (kind === undefined)
      return fault("REQUIRED", "required: rotation or dual_auth_delete", ".kind");
    if (kind.$case !== "rotation") return undefined;
    const { intervalMonths } = kind.value;
    if (intervalMonths === 0 && keepsInterval(kind.value, dialect)) return undefined;
    return rotationInterval(intervalMonths)?.map((found) => ({
      ...found,
      at: ".rotation.interval_months",
    }));
  };

/** One or two policies, of different kinds. */
const policiesRule =
  (dialect: ApiDialect | undefined): Rule<readonly KeyPolicy[]> =>
  (policies) => {
    if (policies.length === 0) return fault("REQUIRED", "required: at least one policy");
    if (policies.length > 2) return fault("TOO_MANY", "at most one policy of each kind");
    const ruleOfOne = policyRule(dialect);
    const faults: Fault[] = [];
    for (const [index, policy] of policies.entries()) {
      for (const found of ruleOfOne(policy) ?? []) {
        faults.push({ ...found, at: `[${index}]${found.at}` });
      }
    }
    const [first, second] = policies;
    if (first?.kind !== undefined && first.kind.$case === second?.kind?.$case) {
      faults.push(...fault("DUPLICATE", "each kind of policy is allowed once", "[1]"));
    }
    return faults.length === 0 ? undefined : faults;
  };

/**
 * The policies of the response to a change and, for each kind that it lacks, the policy that was
 * set. Of the latter only the content is known.
 */
function withChanges(
  policies: readonly PolicyResource[],
  changes: readonly PolicyChange[],
): readonly PolicyResource[] {
  const missing = changes.filter((change) =>
    policies.every(({ kind }) => kind.kind !== change.kind),
  );
  return [...policies, ...missing.map(toPolicyResource)];
}

/** Creates the handler of ReplaceKeyPolicies. */
export const replaceKeyPolicies = ({
  keyProtectOf,
  dialectOf,
}: ServiceDeps): UnaryHandler<ReplaceKeyPoliciesRequest, ReplaceKeyPoliciesResponse> =>
  createHandler({
    validate(request, violations, context) {
      check(violations, "key_id", request.keyId, keyId);
      check(violations, "policies", request.policies, policiesRule(dialectOf(context)));
    },
    subjectOf: (request) => ({ keyId: request.keyId }),
    async answer(request, context) {
      const keyProtect = keyProtectOf(context);
      const changes = request.policies.map(toPolicyChange).filter((change) => change !== undefined);
      const replaced = await keyProtect.replaceKeyPolicies(context, request.keyId, changes);
      const inForce = replaced.isComplete
        ? replaced.policies
        : ((await readAfterChange(context, (call) =>
            keyProtect.getKeyPolicies(call, request.keyId),
          )) ?? withChanges(replaced.policies, changes));
      return { policies: inForce.map(toKeyPolicy) };
    },
  });
