import type { UpdateKeyRequest, UpdateKeyResponse } from "../../gen/keyprotect/v1/keys_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import type { CallContext } from "../../grpc/call/call-context.ts";
import { KeyProtectError } from "../../keyprotect/error.ts";
import type { KeyResource } from "../../keyprotect/resources.ts";
import { createHandler } from "../create-handler.ts";
import type { KeyProtect } from "../key-protect.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { keyId, keyRingId, keyUpdateMask } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";
import { toKey } from "./key-message.ts";
import { readAfterChange } from "./read-after-change.ts";

/**
 * Moves the key. A 404 may mean that an earlier attempt of this call moved it out of the ring that
 * the call names; the key is then found in the new one.
 */
async function move(
  context: CallContext,
  keyProtect: KeyProtect,
  { keyId: id, keyRingId: target }: UpdateKeyRequest,
): Promise<KeyResource> {
  try {
    return await keyProtect.moveKey(context, id, target);
  } catch (error) {
    const isMissing =
      error instanceof KeyProtectError && error.code === "REJECTED" && error.httpStatus === 404;
    if (!isMissing || context.attemptLog.mayHaveBeenExecuted !== true) throw error;
    const found = await readAfterChange({ ...context, keyRing: target }, (call) =>
      keyProtect.getKey(call, id),
    );
    if (found === undefined) throw error;
    return found;
  }
}

/** Creates the handler of UpdateKey. */
export const updateKey = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<UpdateKeyRequest, UpdateKeyResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "key_id", request.keyId, keyId);
      check(violations, "key_ring_id", request.keyRingId, keyRingId);
      check(violations, "update_mask", request.updateMask ?? [], keyUpdateMask);
    },
    subjectOf: (request) => ({ keyId: request.keyId, keyRingId: request.keyRingId }),
    async answer(request, context) {
      return { key: toKey(await move(context, keyProtectOf(context), request)) };
    },
  });
