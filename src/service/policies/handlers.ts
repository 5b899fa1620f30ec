import type { PoliciesServiceService } from "../../gen/keyprotect/v1/policies_service.ts";
import type { HandlersOf } from "../../grpc/call/bind-service.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { getKeyPolicies } from "./get-key-policies.ts";
import { replaceKeyPolicies } from "./replace-key-policies.ts";

/** Creates the handlers of `keyprotect.v1.PoliciesService`. */
export const createPoliciesHandlers = (
  deps: ServiceDeps,
): HandlersOf<typeof PoliciesServiceService> => ({
  getKeyPolicies: getKeyPolicies(deps),
  replaceKeyPolicies: replaceKeyPolicies(deps),
});
