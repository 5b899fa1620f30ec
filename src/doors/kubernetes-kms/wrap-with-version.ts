import type { CallContext } from "../../grpc/call/call-context.ts";
import { isUuid } from "../../platform/uuid.ts";
import { ciphertextTooLarge, keyVersionMissing } from "../../service/errors/door-failures.ts";
import type { DoorDeps } from "../door.ts";

/** Largest ciphertext that the API server accepts, in bytes. */
export const maxCiphertextBytes = 1_024;

/** Wraps a plaintext with the root key of the endpoint. The plaintext is zeroed. */
export type WrapWithVersion = (
  plaintext: Buffer,
  context: CallContext,
) => Promise<{ readonly ciphertext: Buffer; readonly keyVersionId: string }>;

/** Options of `createWrapWithVersion`. */
export interface WrapWithVersionOptions extends Pick<DoorDeps, "wrapKey"> {
  readonly endpoint: { readonly keyId: string; readonly additionalData: readonly string[] };
}

/**
 * Creates the wrap. It rejects an answer that the API server would not take: a ciphertext that is
 * too large, or one without the version of the key.
 */
export const createWrapWithVersion =
  ({ wrapKey, endpoint: { keyId, additionalData } }: WrapWithVersionOptions): WrapWithVersion =>
  async (plaintext, context) => {
    const additionalAuthenticatedData = [...additionalData];
    const request = { keyId, plaintext, additionalAuthenticatedData };
    const { ciphertext, keyVersionId } = await wrapKey(request, context);
    if (!isUuid(keyVersionId)) throw keyVersionMissing();
    if (ciphertext.length > maxCiphertextBytes) {
      throw ciphertextTooLarge(ciphertext.length, maxCiphertextBytes);
    }
    return { ciphertext, keyVersionId: keyVersionId.toLowerCase() };
  };
