import { ReturnPreference } from "../../gen/keyprotect/v1/key.ts";
import type { DeleteKeyRequest, DeleteKeyResponse } from "../../gen/keyprotect/v1/keys_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { isAlreadyGone } from "../already-gone.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { keyId, returnPreference } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";
import { toKey, toKeyOfId } from "./key-message.ts";

/** Statuses of a key that does not exist, and of one that is deleted already. */
const goneStatuses = [404, 410] as const;

/** Creates the handler of DeleteKey. */
export const deleteKey = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<DeleteKeyRequest, DeleteKeyResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "key_id", request.keyId, keyId);
      check(violations, "return_preference", request.returnPreference, returnPreference);
    },
    subjectOf: (request) => ({ keyId: request.keyId }),
    async answer(request, context) {
      const prefer =
        request.returnPreference === ReturnPreference.REPRESENTATION ? "representation" : "minimal";
      try {
        const deleted = await keyProtectOf(context).deleteKey(context, request.keyId, {
          prefer,
          force: request.force,
        });
        deleted?.payload?.fill(0);
        if (deleted !== undefined && prefer === "representation") return { key: toKey(deleted) };
        return { key: toKeyOfId(deleted?.id ?? request.keyId) };
      } catch (error) {
        if (isAlreadyGone(error, request, context, goneStatuses))
          return { key: toKeyOfId(request.keyId) };
        throw error;
      }
    },
  });
