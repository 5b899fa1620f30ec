import type { EncryptRequest, EncryptResponse } from "../../gen/kubernetes/kms/v2/api.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../../service/create-handler.ts";
import { bytes, check } from "../../service/validation/rules.ts";
import { formatKeyId } from "./key-id.ts";
import type { KeyVersionStatus } from "./key-version-status.ts";
import type { WrapWithVersion } from "./wrap-with-version.ts";

/** Largest plaintext that Key Protect wraps, in bytes. The API server sends 32. */
const maxPlaintextBytes = 3_072;

/** Dependencies of Encrypt. */
export interface EncryptDeps {
  readonly instanceId: string;
  readonly endpoint: { readonly keyId: string };
  readonly wrap: WrapWithVersion;
  readonly keyVersion: Pick<KeyVersionStatus, "wrapped">;
  readonly clock: { now(): number };
}

/**
 * Creates the handler of Encrypt: wraps the plaintext with the root key of the endpoint. Status
 * names the version that was used from now on.
 */
export const createEncrypt = ({
  instanceId,
  endpoint: { keyId },
  wrap,
  keyVersion,
  clock,
}: EncryptDeps): UnaryHandler<EncryptRequest, EncryptResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "plaintext", request.plaintext, bytes(1, maxPlaintextBytes));
    },
    async answer({ plaintext }, context) {
      const startedAt = clock.now();
      const { ciphertext, keyVersionId } = await wrap(plaintext, context);
      keyVersion.wrapped(keyVersionId, startedAt, context.logger);
      return {
        ciphertext,
        keyId: formatKeyId({ instanceId, keyId, keyVersionId }),
        annotations: {},
      };
    },
  });
