import type {
  DeleteObjectRequest,
  DeleteObjectResponse,
} from "../../gen/keyprotect/kmip/v1/kmip_objects_service.ts";
import type { CallContext } from "../../grpc/call/call-context.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { isAlreadyGone } from "../already-gone.ts";
import { createHandler } from "../create-handler.ts";
import type { KeyProtect } from "../key-protect.ts";
import { readAfterChange } from "../keys/read-after-change.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { kmipAdapter, kmipObjectId } from "../validation/kmip-fields.ts";
import { check } from "../validation/rules.ts";
import { isDestroyed } from "./object-message.ts";

/** Statuses of an object that does not exist, and of one that is destroyed already. */
const goneStatuses = [404, 410] as const;

/**
 * Whether the object of a refused deletion is gone, so that the deletion counts as success. Key
 * Protect's documents do not tell its answer for a destroyed object, and 409 is also that for an
 * active one: the object itself tells.
 */
async function isGone(
  error: unknown,
  request: DeleteObjectRequest,
  context: CallContext,
  keyProtect: KeyProtect,
): Promise<boolean> {
  if (isAlreadyGone(error, request, context, goneStatuses)) return true;
  if (!isAlreadyGone(error, request, context, [409])) return false;
  const object = await readAfterChange(context, (call) =>
    keyProtect.getKmipObject(call, request.adapter, request.objectId),
  );
  return object !== undefined && isDestroyed(object);
}

/** Creates the handler of DeleteObject. */
export const deleteObject = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<DeleteObjectRequest, DeleteObjectResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "adapter", request.adapter, kmipAdapter);
      check(violations, "object_id", request.objectId, kmipObjectId);
    },
    subjectOf: ({ adapter, objectId }) => ({ kmipAdapter: adapter, kmipObject: objectId }),
    async answer(request, context) {
      const keyProtect = keyProtectOf(context);
      const { adapter, objectId, force } = request;
      try {
        await keyProtect.deleteKmipObject(context, adapter, objectId, force);
      } catch (error) {
        if (!(await isGone(error, request, context, keyProtect))) throw error;
      }
      return {};
    },
  });
