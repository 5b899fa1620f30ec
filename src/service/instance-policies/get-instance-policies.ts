import {
  InstancePolicyKind,
  type GetInstancePoliciesRequest,
  type GetInstancePoliciesResponse,
} from "../../gen/keyprotect/v1/instance_policies_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import type { InstancePolicyType } from "../../keyprotect/decode/instance-policies.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { check, known } from "../validation/rules.ts";
import { toInstancePolicy } from "./policy-message.ts";

/** The kinds as Key Protect names them. */
const kinds: ReadonlyMap<InstancePolicyKind, InstancePolicyType> = new Map<
  InstancePolicyKind,
  InstancePolicyType
>([
  [InstancePolicyKind.ALLOWED_NETWORK, "allowedNetwork"],
  [InstancePolicyKind.ALLOWED_IP, "allowedIP"],
  [InstancePolicyKind.DUAL_AUTH_DELETE, "dualAuthDelete"],
  [InstancePolicyKind.KEY_CREATE_IMPORT_ACCESS, "keyCreateImportAccess"],
  [InstancePolicyKind.METRICS, "metrics"],
  [InstancePolicyKind.ROTATION, "rotation"],
]);

/** The kind to read. Default: every kind. */
const kindRule = known("INSTANCE_POLICY_KIND_", InstancePolicyKind, true);

/** Creates the handler of GetInstancePolicies. */
export const getInstancePolicies = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<GetInstancePoliciesRequest, GetInstancePoliciesResponse> =>
  createHandler({
    validate: (request, violations) => check(violations, "kind", request.kind, kindRule),
    async answer(request, context) {
      const kind = kinds.get(request.kind);
      const policies = await keyProtectOf(context).getInstancePolicies(context, kind);
      return { policies: policies.map(toInstancePolicy) };
    },
  });
