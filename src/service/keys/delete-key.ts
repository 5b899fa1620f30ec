import type { DeleteKeyRequest, DeleteKeyResponse } from "../../gen/keyprotect/v1/keys_service.ts";
import { ReturnPreference } from "../../gen/keyprotect/v1/key.ts";
import type { CallContext } from "../../grpc/call/call-context.ts";
import { KeyProtectError } from "../../keyprotect/error.ts";
import type { Operation } from "../create-handler.ts";
import { keyId, returnPreference } from "../validation/fields.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { toKey, toKeyOfId } from "./key-message.ts";
import { check } from "../validation/rules.ts";

/**
 * Whether a failure says that there is nothing left to delete, and that counts as done: because the caller says so, or because an
 * earlier attempt of this very call may have been what deleted the key.
 */
const isDone = (error: unknown, request: DeleteKeyRequest, { attemptLog }: CallContext): boolean =>
  (request.allowMissing || attemptLog.mayHaveBeenExecuted === true) &&
  error instanceof KeyProtectError &&
  error.code === "REJECTED" &&
  (error.httpStatus === 404 || error.httpStatus === 410);

/** Deletes a key. */
export const deleteKey = ({
  keyProtectOf,
}: ServiceDeps): Operation<DeleteKeyRequest, DeleteKeyResponse> => ({
  validate: (request, violations) => {
    check(violations, "key_id", request.keyId, keyId);
    check(violations, "return_preference", request.returnPreference, returnPreference);
  },
  subjectOf: (request) => ({ keyId: request.keyId }),
  answer: async (request, context) => {
    const prefer =
      request.returnPreference === ReturnPreference.REPRESENTATION ? "representation" : "minimal";
    try {
      const deleted = await keyProtectOf(context).deleteKey(context, request.keyId, prefer);
      deleted?.payload?.fill(0);
      if (deleted !== undefined && prefer === "representation") {
        return { key: toKey(deleted) };
      }
      return { key: toKeyOfId(deleted?.id ?? request.keyId) };
    } catch (error) {
      if (isDone(error, request, context)) return { key: toKeyOfId(request.keyId) };
      throw error;
    }
  },
});
