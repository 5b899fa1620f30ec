import type {
  GetAdapterRequest,
  GetAdapterResponse,
} from "../../gen/keyprotect/kmip/v1/kmip_adapters_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { kmipAdapter } from "../validation/kmip-fields.ts";
import { check } from "../validation/rules.ts";
import { toKmipAdapter } from "./adapter-message.ts";

/** Creates the handler of GetAdapter. */
export const getAdapter = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<GetAdapterRequest, GetAdapterResponse> =>
  createHandler({
    validate: (request, violations) => check(violations, "adapter", request.adapter, kmipAdapter),
    subjectOf: (request) => ({ kmipAdapter: request.adapter }),
    async answer(request, context) {
      const adapter = await keyProtectOf(context).getKmipAdapter(context, request.adapter);
      return { adapter: toKmipAdapter(adapter) };
    },
  });
