import type {
  DeleteKeyRingRequest,
  DeleteKeyRingResponse,
} from "../../gen/keyprotect/v1/key_rings_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { isAlreadyGone } from "../already-gone.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { keyRingId } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";

/** Creates the handler of DeleteKeyRing. */
export const deleteKeyRing = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<DeleteKeyRingRequest, DeleteKeyRingResponse> =>
  createHandler({
    validate: (request, violations) =>
      check(violations, "key_ring_id", request.keyRingId, keyRingId),
    subjectOf: (request) => ({ keyRingId: request.keyRingId }),
    async answer(request, context) {
      try {
        await keyProtectOf(context).deleteKeyRing(context, request.keyRingId, request.force);
      } catch (error) {
        if (!isAlreadyGone(error, request, context)) throw error;
      }
      return {};
    },
  });
