import type {
  GetKeyPoliciesRequest,
  GetKeyPoliciesResponse,
} from "../../gen/keyprotect/v1/policies_service.ts";
import { KeyPolicyKind } from "../../gen/keyprotect/v1/policy.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import type { PolicyChange } from "../../keyprotect/resources.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { keyId } from "../validation/fields.ts";
import { check, known } from "../validation/rules.ts";
import { toKeyPolicy } from "./policy-message.ts";

/** The kinds as Key Protect names them. */
const kinds: ReadonlyMap<KeyPolicyKind, PolicyChange["kind"]> = new Map([
  [KeyPolicyKind.ROTATION, "rotation"],
  [KeyPolicyKind.DUAL_AUTH_DELETE, "dualAuthDelete"],
]);

/** The kind to read. Default: every kind. */
const kindRule = known("KEY_POLICY_KIND_", KeyPolicyKind, true);

/** Creates the handler of GetKeyPolicies. */
export const getKeyPolicies = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<GetKeyPoliciesRequest, GetKeyPoliciesResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "key_id", request.keyId, keyId);
      check(violations, "kind", request.kind, kindRule);
    },
    subjectOf: (request) => ({ keyId: request.keyId }),
    async answer(request, context) {
      const policies = await keyProtectOf(context).getKeyPolicies(
        context,
        request.keyId,
        kinds.get(request.kind),
      );
      return { policies: policies.map(toKeyPolicy) };
    },
  });
