import type {
  RewrapKeyRequest,
  RewrapKeyResponse,
} from "../../gen/keyprotect/v1/key_actions_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { additionalAuthenticatedData, ciphertext, keyId } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";

/** Creates the handler of RewrapKey. The data encryption key never reaches the gateway. */
export const rewrapKey = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<RewrapKeyRequest, RewrapKeyResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "key_id", request.keyId, keyId);
      check(violations, "ciphertext", request.ciphertext, ciphertext);
      const aad = request.additionalAuthenticatedData;
      check(violations, "additional_authenticated_data", aad, additionalAuthenticatedData);
    },
    subjectOf: (request) => ({ keyId: request.keyId }),
    async answer(request, context) {
      const rewrapped = await keyProtectOf(context).rewrapKey(context, request.keyId, {
        ciphertext: request.ciphertext,
        aad: request.additionalAuthenticatedData,
      });
      return {
        ciphertext: rewrapped.ciphertext,
        keyVersionId: rewrapped.keyVersionId ?? "",
        previousKeyVersionId: rewrapped.previousKeyVersionId ?? "",
      };
    },
  });
