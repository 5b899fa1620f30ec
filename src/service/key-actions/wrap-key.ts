import type {
  WrapKeyRequest,
  WrapKeyResponse,
} from "../../gen/keyprotect/v1/key_actions_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { additionalAuthenticatedData, keyId, plaintext } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";

/** Creates the handler of WrapKey: wraps the plaintext of the request with a root key. */
export const wrapKey = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<WrapKeyRequest, WrapKeyResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "key_id", request.keyId, keyId);
      check(violations, "plaintext", request.plaintext, plaintext);
      const aad = request.additionalAuthenticatedData;
      check(violations, "additional_authenticated_data", aad, additionalAuthenticatedData);
    },
    subjectOf: (request) => ({ keyId: request.keyId }),
    async answer(request, context) {
      const wrapped = await keyProtectOf(context).wrapKey(context, request.keyId, {
        plaintext: request.plaintext,
        aad: request.additionalAuthenticatedData,
      });
      wrapped.plaintext?.fill(0);
      return { ciphertext: wrapped.ciphertext, keyVersionId: wrapped.keyVersionId ?? "" };
    },
    zeroize: (request) => request.plaintext.fill(0),
  });
