import { ReturnPreference } from "../../gen/keyprotect/v1/key.ts";
import type { DeleteKeyRequest, DeleteKeyResponse } from "../../gen/keyprotect/v1/keys_service.ts";
import type { CallContext } from "../../grpc/call/call-context.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { KeyProtectError } from "../../keyprotect/error.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { keyId, returnPreference } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";
import { toKey, toKeyOfId } from "./key-message.ts";

/**
 * Whether a 404 or 410 counts as success: the caller set `allow_missing`, or an earlier attempt of
 * this call may have deleted the key.
 */
const isDone = (error: unknown, request: DeleteKeyRequest, { attemptLog }: CallContext): boolean =>
  (request.allowMissing || attemptLog.mayHaveBeenExecuted === true) &&
  error instanceof KeyProtectError &&
  error.code === "REJECTED" &&
  (error.httpStatus === 404 || error.httpStatus === 410);

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
        if (isDone(error, request, context)) return { key: toKeyOfId(request.keyId) };
        throw error;
      }
    },
  });
