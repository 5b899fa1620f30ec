import { ReturnPreference } from "../../gen/keyprotect/v1/key.ts";
import type {
  RestoreKeyRequest,
  RestoreKeyResponse,
} from "../../gen/keyprotect/v1/keys_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import type { CallContext } from "../../grpc/call/call-context.ts";
import type { KeyResource, Preference } from "../../keyprotect/resources.ts";
import { createHandler } from "../create-handler.ts";
import { activeState, type KeyProtect } from "../key-protect.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { keyId, returnPreference } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";
import { changedBefore } from "./change-key.ts";
import { toKey, toKeyOfId } from "./key-message.ts";

async function restore(
  context: CallContext,
  keyProtect: KeyProtect,
  id: string,
  prefer: Preference,
): Promise<KeyResource> {
  try {
    return await keyProtect.restoreKey(context, id, prefer);
  } catch (error) {
    const read = (call: CallContext): Promise<KeyResource> => keyProtect.getKey(call, id);
    const found = await changedBefore(error, context, activeState, read);
    if (found === undefined) throw error;
    return found;
  }
}

/** Creates the handler of RestoreKey. */
export const restoreKey = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<RestoreKeyRequest, RestoreKeyResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "key_id", request.keyId, keyId);
      check(violations, "return_preference", request.returnPreference, returnPreference);
    },
    subjectOf: (request) => ({ keyId: request.keyId }),
    async answer(request, context) {
      const isRepresentationWanted = request.returnPreference === ReturnPreference.REPRESENTATION;
      const prefer = isRepresentationWanted ? "representation" : "minimal";
      const restored = await restore(context, keyProtectOf(context), request.keyId, prefer);
      return { key: isRepresentationWanted ? toKey(restored) : toKeyOfId(restored.id) };
    },
  });
