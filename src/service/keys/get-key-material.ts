import { status } from "@grpc/grpc-js";
import type {
  GetKeyMaterialRequest,
  GetKeyMaterialResponse,
} from "../../gen/keyprotect/v1/keys_service.ts";
import type { CallContext } from "../../grpc/call/call-context.ts";
import { StatusError, type StatusDetails } from "../../grpc/status/status-error.ts";
import { KeyProtectError } from "../../keyprotect/error.ts";
import type { KeyResource } from "../../keyprotect/resources.ts";
import type { Operation } from "../create-handler.ts";
import { keyId } from "../validation/fields.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { destroyedState, toKey } from "./key-message.ts";
import { check } from "../validation/rules.ts";

const activeState = 1;

const resourceOf = (id: string, context: CallContext): StatusDetails["resource"] => ({
  type: "keyprotect.v1.Key",
  name: id,
  description: `looked up in instance "${context.instance}"`,
});

function typeMismatch(id: string, context: CallContext): StatusError {
  const description = "a root key; its material never leaves Key Protect";
  return new StatusError(
    status.INVALID_ARGUMENT,
    "KEY_TYPE_MISMATCH",
    `key ${id} is ${description}`,
    {
      violations: [{ field: "key_id", reason: "KEY_TYPE_MISMATCH", description }],
      resource: resourceOf(id, context),
    },
  );
}

const unmet = (
  reason: "KEY_DELETED" | "KEY_STATE_INVALID",
  type: string,
  description: string,
  id: string,
  context: CallContext,
): StatusError =>
  new StatusError(status.FAILED_PRECONDITION, reason, `key ${id}: ${description}`, {
    preconditions: [{ type, subject: `keys/${id}`, description }],
    resource: resourceOf(id, context),
  });

/** Why a key came without the material that was asked for. */
function noMaterial(resource: KeyResource, id: string, context: CallContext): Error {
  if (resource.state === destroyedState) {
    return unmet("KEY_DELETED", "KEY_DELETED", "deleted; its material is gone", id, context);
  }
  if (resource.state !== undefined && resource.state !== activeState) {
    const description = "in a state in which Key Protect does not give out its material";
    return unmet("KEY_STATE_INVALID", "KEY_STATE", description, id, context);
  }
  return new KeyProtectError("BAD_RESPONSE", "an active standard key came without its material");
}

/** Reads a standard key with its material. */
export const getKeyMaterial = ({
  keyProtectOf,
}: ServiceDeps): Operation<GetKeyMaterialRequest, GetKeyMaterialResponse> => ({
  validate: (request, violations) => check(violations, "key_id", request.keyId, keyId),
  subjectOf: (request) => ({ keyId: request.keyId }),
  answer: async (request, context) => {
    const resource = await keyProtectOf(context).getKeyMaterial(context, request.keyId);
    const { payload } = resource;
    if (resource.extractable === false) {
      payload?.fill(0);
      throw typeMismatch(request.keyId, context);
    }
    if (payload === undefined || payload.length === 0) {
      throw noMaterial(resource, request.keyId, context);
    }
    return { key: toKey(resource), keyMaterial: payload };
  },
});
