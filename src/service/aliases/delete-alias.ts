import type {
  DeleteAliasRequest,
  DeleteAliasResponse,
} from "../../gen/keyprotect/v1/aliases_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { isAlreadyGone } from "../already-gone.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { keyId, newAlias } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";

/** Creates the handler of DeleteAlias. */
export const deleteAlias = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<DeleteAliasRequest, DeleteAliasResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "key_id", request.keyId, keyId);
      check(violations, "alias", request.alias, newAlias);
    },
    subjectOf: (request) => ({ keyId: request.keyId }),
    async answer(request, context) {
      try {
        await keyProtectOf(context).deleteAlias(context, request.keyId, request.alias);
      } catch (error) {
        if (!isAlreadyGone(error, request, context)) throw error;
      }
      return {};
    },
  });
