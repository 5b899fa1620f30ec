import type {
  GetKeyMaterialRequest,
  GetKeyMaterialResponse,
} from "../../gen/keyprotect/v1/keys_service.ts";
import type { CallContext } from "../../grpc/call/call-context.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { KeyProtectError } from "../../keyprotect/error.ts";
import type { KeyResource } from "../../keyprotect/resources.ts";
import { createHandler } from "../create-handler.ts";
import { toFailureContext } from "../errors/failure.ts";
import { rootKeyNotExported } from "../errors/request-failures.ts";
import { materialDeleted, materialWithheld } from "../errors/state-failures.ts";
import { destroyedState } from "../key-protect.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { keyId } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";
import { toKey } from "./key-message.ts";

/** `KeyResource.state` of an active key. */
const activeState = 1;

/** Why the answer has a key without the material of a standard key. */
function noMaterial({ state }: KeyResource, id: string, context: CallContext): Error {
  if (state === undefined || state === activeState) {
    return new KeyProtectError("BAD_RESPONSE", "an active standard key came without its material");
  }
  const failure = state === destroyedState ? materialDeleted : materialWithheld;
  return failure(toFailureContext(undefined, context, { keyId: id }));
}

/** Creates the handler of GetKeyMaterial: reads a standard key with its material. */
export const getKeyMaterial = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<GetKeyMaterialRequest, GetKeyMaterialResponse> =>
  createHandler({
    validate: (request, violations) => check(violations, "key_id", request.keyId, keyId),
    subjectOf: (request) => ({ keyId: request.keyId }),
    async answer(request, context) {
      const resource = await keyProtectOf(context).getKeyMaterial(context, request.keyId);
      const { payload } = resource;
      if (resource.extractable === false) {
        payload?.fill(0);
        throw rootKeyNotExported(toFailureContext(undefined, context, { keyId: request.keyId }));
      }
      if (payload === undefined || payload.length === 0) {
        throw noMaterial(resource, request.keyId, context);
      }
      return { key: toKey(resource), keyMaterial: payload };
    },
  });
