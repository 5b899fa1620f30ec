import type {
  DeleteAdapterRequest,
  DeleteAdapterResponse,
} from "../../gen/keyprotect/kmip/v1/kmip_adapters_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { isAlreadyGone } from "../already-gone.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { kmipAdapter } from "../validation/kmip-fields.ts";
import { check } from "../validation/rules.ts";

/** Creates the handler of DeleteAdapter. */
export const deleteAdapter = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<DeleteAdapterRequest, DeleteAdapterResponse> =>
  createHandler({
    validate: (request, violations) => check(violations, "adapter", request.adapter, kmipAdapter),
    subjectOf: (request) => ({ kmipAdapter: request.adapter }),
    async answer(request, context) {
      try {
        await keyProtectOf(context).deleteKmipAdapter(context, request.adapter);
      } catch (error) {
        if (!isAlreadyGone(error, request, context)) throw error;
      }
      return {};
    },
  });
