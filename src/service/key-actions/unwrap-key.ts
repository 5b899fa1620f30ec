import type {
  UnwrapKeyRequest,
  UnwrapKeyResponse,
} from "../../gen/keyprotect/v1/key_actions_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { additionalAuthenticatedData, ciphertext, keyId } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";

/**
 * Creates the handler of UnwrapKey. The response carries a new ciphertext if the root key was
 * rotated since the wrap.
 */
export const unwrapKey = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<UnwrapKeyRequest, UnwrapKeyResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "key_id", request.keyId, keyId);
      check(violations, "ciphertext", request.ciphertext, ciphertext);
      const aad = request.additionalAuthenticatedData;
      check(violations, "additional_authenticated_data", aad, additionalAuthenticatedData);
    },
    subjectOf: (request) => ({ keyId: request.keyId }),
    async answer(request, context) {
      const unwrapped = await keyProtectOf(context).unwrapKey(context, request.keyId, {
        ciphertext: request.ciphertext,
        aad: request.additionalAuthenticatedData,
      });
      return {
        plaintext: unwrapped.plaintext,
        rewrappedCiphertext: unwrapped.rewrappedCiphertext ?? Buffer.alloc(0),
        rewrappedKeyVersionId: unwrapped.rewrappedKeyVersionId ?? "",
      };
    },
  });
