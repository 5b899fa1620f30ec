import type { InstancePoliciesServiceService } from "../../gen/keyprotect/v1/instance_policies_service.ts";
import type { HandlersOf } from "../../grpc/call/bind-service.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { getInstancePolicies } from "./get-instance-policies.ts";
import { getPrivateEndpointPort } from "./get-private-endpoint-port.ts";
import { replaceInstancePolicies } from "./replace-instance-policies.ts";

/** Creates the handlers of `keyprotect.v1.InstancePoliciesService`. */
export const createInstancePoliciesHandlers = (
  deps: ServiceDeps,
): HandlersOf<typeof InstancePoliciesServiceService> => ({
  getInstancePolicies: getInstancePolicies(deps),
  replaceInstancePolicies: replaceInstancePolicies(deps),
  getPrivateEndpointPort: getPrivateEndpointPort(deps),
});
