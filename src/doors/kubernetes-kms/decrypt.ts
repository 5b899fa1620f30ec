import type { DecryptRequest, DecryptResponse } from "../../gen/kubernetes/kms/v2/api.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../../service/create-handler.ts";
import { bytes, check, fault, type Rule } from "../../service/validation/rules.ts";
import type { DoorDeps } from "../door.ts";
import { parseKeyId } from "./key-id.ts";
import { maxCiphertextBytes } from "./wrap-with-version.ts";

/** Options of `createDecrypt`. */
export interface DecryptDeps extends Pick<DoorDeps, "unwrapKey"> {
  readonly instanceId: string;
  readonly endpoint: {
    readonly keyId: string;
    readonly formerKeyIds: readonly string[];
    readonly additionalData: readonly string[];
  };
}

const noAnnotations: Rule<DecryptRequest["annotations"]> = (annotations) =>
  Object.keys(annotations).length === 0
    ? undefined
    : fault("UNSUPPORTED", "Encrypt of this endpoint returns none");

/**
 * Creates the handler of Decrypt: unwraps with the root key that `key_id` names. The request comes
 * out of etcd, where others may have changed it, so any key but the configured ones is refused
 * before anything is sent. A ciphertext that Key Protect wraps anew after a rotation is dropped:
 * the protocol has no place for it.
 */
export function createDecrypt({
  instanceId,
  endpoint,
  unwrapKey,
}: DecryptDeps): UnaryHandler<DecryptRequest, DecryptResponse> {
  const { keyId: own, formerKeyIds, additionalData } = endpoint;
  const allowed = new Set([own, ...formerKeyIds]);

  /** The key ID in a `key_id`, if the endpoint may decrypt with it. */
  const allowedKeyOf = (text: string): string | undefined => {
    const named = parseKeyId(text);
    return named !== undefined && named.instanceId === instanceId && allowed.has(named.keyId)
      ? named.keyId
      : undefined;
  };
  const keyIdRule: Rule<string> = (text) => {
    if (text === "") return fault("REQUIRED", "required: the key_id that Encrypt returned");
    if (parseKeyId(text) === undefined) {
      return fault("FORMAT_INVALID", "no key_id that Encrypt of this endpoint returns");
    }
    return allowedKeyOf(text) === undefined
      ? fault("KEY_NOT_ALLOWED", "names a key that is neither keyId nor in formerKeyIds")
      : undefined;
  };
  return createHandler({
    validate(request, violations) {
      check(violations, "ciphertext", request.ciphertext, bytes(1, maxCiphertextBytes));
      check(violations, "key_id", request.keyId, keyIdRule);
      check(violations, "annotations", request.annotations, noAnnotations);
    },
    async answer(request, context) {
      const keyId = allowedKeyOf(request.keyId);
      if (keyId === undefined) throw new Error("the validation missed a key that is not allowed");
      const { plaintext } = await unwrapKey(
        {
          keyId,
          ciphertext: request.ciphertext,
          additionalAuthenticatedData: [...additionalData],
        },
        context,
      );
      return { plaintext };
    },
  });
}
