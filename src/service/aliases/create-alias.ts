import type {
  CreateAliasRequest,
  CreateAliasResponse,
} from "../../gen/keyprotect/v1/aliases_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import type { CallContext } from "../../grpc/call/call-context.ts";
import type { AliasResource } from "../../keyprotect/decode/alias.ts";
import { KeyProtectError } from "../../keyprotect/error.ts";
import { createHandler } from "../create-handler.ts";
import type { KeyProtect } from "../key-protect.ts";
import { toTime } from "../keys/key-message.ts";
import { readAfterChange } from "../keys/read-after-change.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { keyId, newAlias } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";

/**
 * Creates the alias. A 409 may mean that an earlier attempt of this call created it; it then names
 * the key of the request.
 */
async function create(
  context: CallContext,
  keyProtect: KeyProtect,
  { keyId: id, alias }: CreateAliasRequest,
): Promise<AliasResource> {
  try {
    return await keyProtect.createAlias(context, id, alias);
  } catch (error) {
    const isConflict =
      error instanceof KeyProtectError && error.code === "REJECTED" && error.httpStatus === 409;
    if (!isConflict || context.attemptLog.mayHaveBeenExecuted !== true) throw error;
    const [asked, named] = await Promise.all(
      [id, alias].map((name) => readAfterChange(context, (call) => keyProtect.getKey(call, name))),
    );
    if (asked === undefined || asked.id !== named?.id) throw error;
    return { keyId: asked.id, alias, creationDate: undefined, createdBy: undefined };
  }
}

/** Creates the handler of CreateAlias. */
export const createAlias = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<CreateAliasRequest, CreateAliasResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "key_id", request.keyId, keyId);
      check(violations, "alias", request.alias, newAlias);
    },
    subjectOf: (request) => ({ keyId: request.keyId }),
    async answer(request, context) {
      const created = await create(context, keyProtectOf(context), request);
      return {
        alias: {
          keyId: created.keyId,
          alias: created.alias,
          createTime: toTime(created.creationDate),
          createdBy: created.createdBy ?? "",
        },
      };
    },
  });
