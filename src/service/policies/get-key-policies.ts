import type {
  GetKeyPoliciesRequest,
  GetKeyPoliciesResponse,
} from "../../gen/keyprotect/v1/policies_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { keyId } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";
import { toKeyPolicy } from "./policy-message.ts";

/** Creates the handler of GetKeyPolicies. */
export const getKeyPolicies = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<GetKeyPoliciesRequest, GetKeyPoliciesResponse> =>
  createHandler({
    validate: (request, violations) => check(violations, "key_id", request.keyId, keyId),
    subjectOf: (request) => ({ keyId: request.keyId }),
    async answer(request, context) {
      const policies = await keyProtectOf(context).getKeyPolicies(context, request.keyId);
      return { policies: policies.map(toKeyPolicy) };
    },
  });
