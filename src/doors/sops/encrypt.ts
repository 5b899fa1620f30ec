import type { EncryptRequest, EncryptResponse } from "../../gen/sops/keyservice.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../../service/create-handler.ts";
import { bytes, check } from "../../service/validation/rules.ts";
import type { DoorDeps } from "../door.ts";
import { printCiphertext } from "./ciphertext-text.ts";
import type { ReadKey } from "./named-key.ts";

/** Largest plaintext that Key Protect wraps, in bytes. sops sends 32 or 33. */
const maxPlaintextBytes = 3_072;

/** Creates the handler of Encrypt: wraps the data key of a file with the key of the request. */
export const createSopsEncrypt = (
  readKey: ReadKey,
  { wrapKey }: Pick<DoorDeps, "wrapKey">,
): UnaryHandler<EncryptRequest, EncryptResponse> =>
  createHandler({
    validate({ key, plaintext }, violations) {
      readKey(key, violations);
      check(violations, "plaintext", plaintext, bytes(1, maxPlaintextBytes));
    },
    async answer({ key, plaintext }, context) {
      const { keyId, additionalData } = readKey(key, []);
      const { ciphertext } = await wrapKey(
        { keyId, plaintext, additionalAuthenticatedData: additionalData },
        context,
      );
      return { ciphertext: printCiphertext(ciphertext) };
    },
  });
