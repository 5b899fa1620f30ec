import { KeyType, ReturnPreference } from "../../gen/keyprotect/v1/key.ts";
import type { CreateKeyRequest, CreateKeyResponse } from "../../gen/keyprotect/v1/keys_service.ts";
import type { CallContext } from "../../grpc/call/call-context.ts";
import type { KeyResource } from "../../keyprotect/resources.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import {
  description,
  expireTime,
  keyName,
  keyType,
  requestId,
  returnPreference,
  tags,
} from "../validation/fields.ts";
import type { KeyProtect } from "../key-protect.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { toKey, toKeyOfId } from "./key-message.ts";
import {
  checkMaterial,
  materialParts,
  toImportedMaterial,
  zeroizeMaterial,
} from "./key-material.ts";
import { readAfterChange } from "./read-after-change.ts";
import { createRequestGuard, type GuardedChange } from "../idempotency/idempotent.ts";
import { readReplayed } from "../idempotency/replay.ts";
import { check } from "../validation/rules.ts";

const none = Buffer.alloc(0);

const isRepresentationWanted = (request: CreateKeyRequest): boolean =>
  request.returnPreference === ReturnPreference.REPRESENTATION;

/** The creation as what must not happen twice under one request ID. */
const guardedCreation = (
  request: CreateKeyRequest,
  keyProtect: KeyProtect,
): GuardedChange<KeyResource> => ({
  requestId: request.requestId,
  fields: [
    request.name,
    String(request.type),
    request.description,
    String(request.expireTime?.getTime() ?? ""),
    String(request.returnPreference),
    String(request.tags.length),
    ...request.tags,
    ...materialParts(request.material).fields,
  ],
  material: materialParts(request.material).material,
  make: (context) =>
    keyProtect.createKey(context, {
      name: request.name,
      description: request.description === "" ? undefined : request.description,
      tags: request.tags,
      expirationDate: request.expireTime,
      extractable: request.type === KeyType.STANDARD,
      material: toImportedMaterial(request.material),
      prefer: isRepresentationWanted(request) ? "representation" : "minimal",
    }),
  keyIdOf: ({ id }) => id,
});

/** Creates a key; its material is in the answer only for a standard key and only if a representation is asked for. */
export function createKey({
  keyProtectOf,
  dialectOf,
  clock,
  requestIds,
}: ServiceDeps): UnaryHandler<CreateKeyRequest, CreateKeyResponse> {
  const guard = createRequestGuard(requestIds);
  return createHandler({
    validate: (request, violations, context) => {
      check(violations, "name", request.name, keyName);
      check(violations, "type", request.type, keyType);
      check(violations, "description", request.description, description);
      check(violations, "tags", request.tags, tags);
      check(violations, "expire_time", request.expireTime, expireTime(clock.wallNow()));
      checkMaterial(violations, request.material, request.type, dialectOf(context));
      check(violations, "return_preference", request.returnPreference, returnPreference);
      check(violations, "request_id", request.requestId, requestId);
    },
    answer: async (request, context) => {
      const keyProtect = keyProtectOf(context);
      const creation = await guard(context, guardedCreation(request, keyProtect));
      if (creation.kind === "replay") {
        const isTokenPassedThrough = requestIds?.isTokenPassedThrough(context) ?? false;
        const found = await readReplayed(context, creation, { keyProtect, isTokenPassedThrough });
        const key = found === undefined ? toKeyOfId(creation.keyId) : toKey(found);
        // Never with material: who may read that of an existing key is for the rules on GetKeyMaterial.
        return { key, keyMaterial: none, replayed: true };
      }
      const created = creation.made;
      const key = toKey(created);
      const isMaterialWanted = isRepresentationWanted(request) && request.type === KeyType.STANDARD;
      if (!isMaterialWanted || created.extractable === false) {
        created.payload?.fill(0);
        return { key, keyMaterial: none, replayed: false };
      }
      const keyMaterial = (await materialOf(context, keyProtect, created)) ?? none;
      return { key, keyMaterial, replayed: false };
    },
    zeroize: (request) => zeroizeMaterial(request.material),
  });
}

/** Key Protect may answer a creation before the material exists; it is looked for once. */
async function materialOf(
  context: CallContext,
  keyProtect: KeyProtect,
  { id, payload }: KeyResource,
): Promise<Buffer | undefined> {
  if (payload !== undefined && payload.length > 0) return payload;
  const late = await readAfterChange(context, (call) => keyProtect.getKeyMaterial(call, id));
  return late?.payload;
}
