import type { DecryptRequest, DecryptResponse } from "../../gen/sops/keyservice.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../../service/create-handler.ts";
import { check, fault, type Rule } from "../../service/validation/rules.ts";
import type { DoorDeps } from "../door.ts";
import { parseCiphertext } from "./ciphertext-text.ts";
import type { ReadKey } from "./named-key.ts";

const printedCiphertext: Rule<Buffer> = (value) => {
  if (value.length === 0) return fault("REQUIRED", "required: what Encrypt returned");
  return parseCiphertext(value) === undefined
    ? fault("FORMAT_INVALID", "nothing that Encrypt of this endpoint returns")
    : undefined;
};

/**
 * Creates the handler of Decrypt: unwraps the data key of a file. A ciphertext that Key Protect
 * wraps anew after a rotation is dropped, because the protocol has no place for it.
 */
export const createSopsDecrypt = (
  readKey: ReadKey,
  { unwrapKey }: Pick<DoorDeps, "unwrapKey">,
): UnaryHandler<DecryptRequest, DecryptResponse> =>
  createHandler({
    validate({ key, ciphertext }, violations) {
      readKey(key, violations);
      check(violations, "ciphertext", ciphertext, printedCiphertext);
    },
    async answer({ key, ciphertext: printed }, context) {
      const { keyId, additionalData } = readKey(key, []);
      const ciphertext = parseCiphertext(printed);
      if (ciphertext === undefined) throw new Error("the validation missed a ciphertext");
      const { plaintext } = await unwrapKey(
        { keyId, ciphertext, additionalAuthenticatedData: additionalData },
        context,
      );
      return { plaintext };
    },
  });
