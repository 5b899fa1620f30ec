import type { GetKeyRequest, GetKeyResponse } from "../../gen/keyprotect/v1/keys_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { keyId } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";
import { toKey } from "./key-message.ts";

/** Creates the handler of GetKey: reads a key's metadata, without its material. */
export const getKey = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<GetKeyRequest, GetKeyResponse> =>
  createHandler({
    validate: (request, violations) => check(violations, "key_id", request.keyId, keyId),
    subjectOf: (request) => ({ keyId: request.keyId }),
    async answer(request, context) {
      const resource = await keyProtectOf(context).getKey(context, request.keyId);
      return { key: toKey(resource) };
    },
  });
