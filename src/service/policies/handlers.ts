import type {
  GetKeyPoliciesRequest,
  GetKeyPoliciesResponse,
  ReplaceKeyPoliciesRequest,
  ReplaceKeyPoliciesResponse,
} from "../../gen/keyprotect/v1/policies_service.ts";
import type { KeyPolicy } from "../../gen/keyprotect/v1/policy.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler, type Operation } from "../create-handler.ts";
import { keyId, rotationInterval } from "../validation/fields.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { toKeyPolicy, toPolicyChange } from "./policy-message.ts";
import { check, fault, type Fault, type Rule } from "../validation/rules.ts";

/** What the handlers of `PoliciesService` work with. */
export type PoliciesServiceDeps = Pick<ServiceDeps, "keyProtectOf">;

/** The handlers of `keyprotect.v1.PoliciesService`. */
export interface PoliciesHandlers {
  readonly getKeyPolicies: UnaryHandler<GetKeyPoliciesRequest, GetKeyPoliciesResponse>;
  readonly replaceKeyPolicies: UnaryHandler<ReplaceKeyPoliciesRequest, ReplaceKeyPoliciesResponse>;
}

const policyRule: Rule<KeyPolicy> = ({ kind }) => {
  if (kind === undefined) return fault("REQUIRED", "rotation or dual_auth_delete", ".kind");
  if (kind.$case !== "rotation") return undefined;
  return rotationInterval(kind.value.intervalMonths)?.map((found) => ({
    ...found,
    at: ".rotation.interval_months",
  }));
};

/** One or two policies, each of another kind. */
const policiesRule: Rule<readonly KeyPolicy[]> = (policies) => {
  if (policies.length === 0) return fault("REQUIRED", "at least one policy");
  if (policies.length > 2) return fault("TOO_MANY", "at most one policy of each kind");
  const faults: Fault[] = [];
  for (const [index, policy] of policies.entries()) {
    for (const found of policyRule(policy) ?? []) {
      faults.push({ ...found, at: `[${index}]${found.at}` });
    }
  }
  const [first, second] = policies;
  if (first?.kind !== undefined && first.kind.$case === second?.kind?.$case) {
    faults.push(...fault("DUPLICATE", "a second policy of the same kind", "[1]"));
  }
  return faults.length === 0 ? undefined : faults;
};

const getKeyPolicies = ({
  keyProtectOf,
}: PoliciesServiceDeps): Operation<GetKeyPoliciesRequest, GetKeyPoliciesResponse> => ({
  validate: (request, violations) => check(violations, "key_id", request.keyId, keyId),
  subjectOf: (request) => ({ keyId: request.keyId }),
  answer: async (request, context) => {
    const policies = await keyProtectOf(context).getKeyPolicies(context, request.keyId);
    return { policies: policies.map(toKeyPolicy) };
  },
});

const replaceKeyPolicies = ({
  keyProtectOf,
}: PoliciesServiceDeps): Operation<ReplaceKeyPoliciesRequest, ReplaceKeyPoliciesResponse> => ({
  validate: (request, violations) => {
    check(violations, "key_id", request.keyId, keyId);
    check(violations, "policies", request.policies, policiesRule);
  },
  subjectOf: (request) => ({ keyId: request.keyId }),
  answer: async (request, context) => {
    const policies = await keyProtectOf(context).replaceKeyPolicies(
      context,
      request.keyId,
      request.policies.map(toPolicyChange).filter((change) => change !== undefined),
    );
    return { policies: policies.map(toKeyPolicy) };
  },
});

/** Creates the handlers of `keyprotect.v1.PoliciesService`. */
export const createPoliciesHandlers = (deps: PoliciesServiceDeps): PoliciesHandlers => ({
  getKeyPolicies: createHandler(getKeyPolicies(deps)),
  replaceKeyPolicies: createHandler(replaceKeyPolicies(deps)),
});
