import type { PurgeKeyRequest, PurgeKeyResponse } from "../../gen/keyprotect/v1/keys_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { isAlreadyGone } from "../already-gone.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { keyId } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";
import { toKeyOfId } from "./key-message.ts";

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
        if (!isAlreadyGone(error, request, context)) throw error;
      }
      return { key: toKeyOfId(request.keyId) };
    },
  });
