import type {
  ReplaceInstancePoliciesRequest,
  ReplaceInstancePoliciesResponse,
} from "../../gen/keyprotect/v1/instance_policies_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import type {
  InstancePolicyChange,
  InstancePolicyResource,
} from "../../keyprotect/decode/instance-policies.ts";
import { createHandler } from "../create-handler.ts";
import { toFailureContext } from "../errors/failure.ts";
import { policyLockout } from "../errors/state-failures.ts";
import { readAfterChange } from "../keys/read-after-change.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { check } from "../validation/rules.ts";
import { lockoutCauses } from "./lockout.ts";
import { toInstancePolicy, toInstancePolicyChanges } from "./policy-message.ts";
import { instancePolicies } from "./policy-rules.ts";

/** The policy that a change leads to, as far as the change says it. */
const toResource = (change: InstancePolicyChange): InstancePolicyResource => ({
  ...change,
  creationDate: undefined,
  lastUpdated: undefined,
  createdBy: undefined,
  updatedBy: undefined,
});

/** Creates the handler of ReplaceInstancePolicies. */
export const replaceInstancePolicies = ({
  keyProtectOf,
  dialectOf,
  endpointsOf,
}: ServiceDeps): UnaryHandler<ReplaceInstancePoliciesRequest, ReplaceInstancePoliciesResponse> =>
  createHandler({
    validate: (request, violations) =>
      check(violations, "policies", request.policies, instancePolicies),
    async answer(request, context) {
      const changes = toInstancePolicyChanges(request.policies);
      // The 2019 dialect refuses every such request as unsupported.
      const causes =
        dialectOf(context) === "2019" ? [] : lockoutCauses(changes, endpointsOf(context));
      if (causes.length > 0) {
        if (!request.acceptLockout) {
          throw policyLockout(causes)(toFailureContext(undefined, context));
        }
        const { correlationId, caller, instance } = context;
        context.logger.warn(
          { correlationId, caller, instance, causes: causes.map(([, cause]) => cause) },
          "a caller sets policies although they may shut the gateway out",
        );
      }
      const keyProtect = keyProtectOf(context);
      await keyProtect.replaceInstancePolicies(context, changes);
      // A lock-out that was accepted makes the read fail. The change is done all the same.
      const inForce = await readAfterChange(context, (call) =>
        keyProtect.getInstancePolicies(call),
      );
      return { policies: (inForce ?? changes.map(toResource)).map(toInstancePolicy) };
    },
  });
