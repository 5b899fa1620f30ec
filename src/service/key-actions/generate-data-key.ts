import type {
  GenerateDataKeyRequest,
  GenerateDataKeyResponse,
} from "../../gen/keyprotect/v1/key_actions_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { KeyProtectError } from "../../keyprotect/error.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { additionalAuthenticatedData, keyId } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";

/**
 * Creates the handler of GenerateDataKey: Key Protect generates 32 bytes and returns them in the
 * clear and wrapped with a root key.
 */
export const generateDataKey = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<GenerateDataKeyRequest, GenerateDataKeyResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "key_id", request.keyId, keyId);
      const aad = request.additionalAuthenticatedData;
      check(violations, "additional_authenticated_data", aad, additionalAuthenticatedData);
    },
    subjectOf: (request) => ({ keyId: request.keyId }),
    async answer(request, context) {
      const generated = await keyProtectOf(context).wrapKey(context, request.keyId, {
        aad: request.additionalAuthenticatedData,
      });
      const { plaintext, ciphertext, keyVersionId = "" } = generated;
      if (request.omitPlaintext) {
        plaintext?.fill(0);
        return { plaintext: Buffer.alloc(0), ciphertext, keyVersionId };
      }
      if (plaintext === undefined || plaintext.length === 0) {
        throw new KeyProtectError("BAD_RESPONSE", "a data key was generated, but not returned");
      }
      return { plaintext, ciphertext, keyVersionId };
    },
  });
