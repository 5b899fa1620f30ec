import type {
  GetPrivateEndpointPortRequest,
  GetPrivateEndpointPortResponse,
} from "../../gen/keyprotect/v1/instance_policies_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";

/** Creates the handler of GetPrivateEndpointPort. */
export const getPrivateEndpointPort = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<GetPrivateEndpointPortRequest, GetPrivateEndpointPortResponse> =>
  createHandler({
    validate: () => {},
    answer: async (_, context) => ({
      port: await keyProtectOf(context).getPrivateEndpointPort(context),
    }),
  });
