import type { PurgeKeyRequest, PurgeKeyResponse } from "../../gen/keyprotect/v1/keys_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import type { CallContext } from "../../grpc/call/call-context.ts";
import { KeyProtectError } from "../../keyprotect/error.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { keyId } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";
import { toKeyOfId } from "./key-message.ts";

/**
 * Whether a 404 counts as success: the caller set `allow_missing`, or an earlier attempt of this
 * call may have purged the key.
 */
const isDone = (error: unknown, request: PurgeKeyRequest, { attemptLog }: CallContext): boolean =>
  (request.allowMissing || attemptLog.mayHaveBeenExecuted === true) &&
  error instanceof KeyProtectError &&
  error.code === "REJECTED" &&
  error.httpStatus === 404;

/** Creates the handler of PurgeKey. */
export const purgeKey = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<PurgeKeyRequest, PurgeKeyResponse> =>
  createHandler({
    validate: (request, violations) => check(violations, "key_id", request.keyId, keyId),
    subjectOf: (request) => ({ keyId: request.keyId }),
    async answer(request, context) {
      try {
        await keyProtectOf(context).purgeKey(context, request.keyId);
      } catch (error) {
        if (!isDone(error, request, context)) throw error;
      }
      return { key: toKeyOfId(request.keyId) };
    },
  });
