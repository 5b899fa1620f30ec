import type {
  GetObjectRequest,
  GetObjectResponse,
} from "../../gen/keyprotect/kmip/v1/kmip_objects_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { kmipAdapter, kmipObjectId } from "../validation/kmip-fields.ts";
import { check } from "../validation/rules.ts";
import { toKmipObject } from "./object-message.ts";

/** Creates the handler of GetObject. */
export const getObject = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<GetObjectRequest, GetObjectResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "adapter", request.adapter, kmipAdapter);
      check(violations, "object_id", request.objectId, kmipObjectId);
    },
    subjectOf: ({ adapter, objectId }) => ({ kmipAdapter: adapter, kmipObject: objectId }),
    async answer({ adapter, objectId }, context) {
      const object = await keyProtectOf(context).getKmipObject(context, adapter, objectId);
      return { object: toKmipObject(object) };
    },
  });
