import { KeyType, ReturnPreference } from "../../gen/keyprotect/v1/key.ts";
import type {
  CreateKeyRequest,
  CreateKeyResponse,
  PolicyOverrides,
} from "../../gen/keyprotect/v1/keys_service.ts";
import type { CallContext } from "../../grpc/call/call-context.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import type { KeyResource, PolicyChange } from "../../keyprotect/resources.ts";
import { createHandler } from "../create-handler.ts";
import type { IdempotentChange } from "../idempotency/execute-once.ts";
import { createIdempotent } from "../idempotency/idempotent.ts";
import { readReplayed } from "../idempotency/replay.ts";
import type { KeyProtect } from "../key-protect.ts";
import type { ServiceDeps } from "../service-deps.ts";
import {
  description,
  expireTime,
  keyName,
  keyRingId,
  keyType,
  newAliases,
  policyOverrides,
  requestId,
  returnPreference,
  tags,
} from "../validation/fields.ts";
import { check, optional } from "../validation/rules.ts";
import {
  checkMaterial,
  materialParts,
  toImportedMaterial,
  zeroizeMaterial,
} from "./key-material.ts";
import { toKey, toKeyOfId } from "./key-message.ts";
import { readAfterChange } from "./read-after-change.ts";

const none = Buffer.alloc(0);

const isRepresentationWanted = (request: CreateKeyRequest): boolean =>
  request.returnPreference === ReturnPreference.REPRESENTATION;

/**
 * The fields that version 0.1 did not have. They are absent if they are not set, so that a request
 * ID of a request without them stays valid across an update.
 */
const ringFields = (request: CreateKeyRequest, keyRing: string | undefined): readonly string[] =>
  keyRing === undefined && request.aliases.length === 0 && request.policyOverrides === undefined
    ? []
    : [
        keyRing ?? "",
        String(request.aliases.length),
        ...request.aliases,
        JSON.stringify(toPolicyChanges(request.policyOverrides) ?? "none"),
      ];

const toPolicyChanges = (
  overrides: PolicyOverrides | undefined,
): readonly PolicyChange[] | undefined => {
  if (overrides === undefined) return undefined;
  const { rotation, dualAuthDelete } = overrides;
  const changes: PolicyChange[] = [];
  if (rotation !== undefined) {
    const { enabled, intervalMonths } = rotation;
    changes.push({ kind: "rotation", enabled, intervalMonths: intervalMonths || undefined });
  }
  if (dualAuthDelete !== undefined) {
    changes.push({ kind: "dualAuthDelete", enabled: dualAuthDelete.enabled });
  }
  return changes;
};

/** The creation as a change that happens once per request ID. */
function creationOf(
  request: CreateKeyRequest,
  keyProtect: KeyProtect,
  keyRing: string | undefined,
): IdempotentChange<KeyResource> {
  const { fields, material } = materialParts(request.material);
  return {
    requestId: request.requestId,
    fields: [
      request.name,
      String(request.type),
      request.description,
      String(request.expireTime?.getTime() ?? ""),
      String(request.returnPreference),
      String(request.tags.length),
      ...request.tags,
      ...fields,
      ...ringFields(request, keyRing),
    ],
    material,
    make: (context) =>
      keyProtect.createKey(context, {
        name: request.name,
        description: request.description === "" ? undefined : request.description,
        tags: request.tags,
        expirationDate: request.expireTime,
        extractable: request.type === KeyType.STANDARD,
        material: toImportedMaterial(request.material),
        aliases: request.aliases,
        policyOverrides: toPolicyChanges(request.policyOverrides),
        prefer: isRepresentationWanted(request) ? "representation" : "minimal",
      }),
    keyIdOf: ({ id }) => id,
  };
}

/**
 * The material of a created key. Key Protect may answer a creation before the material exists; it
 * is then read once.
 */
async function materialOf(
  context: CallContext,
  keyProtect: KeyProtect,
  { id, payload }: KeyResource,
): Promise<Buffer | undefined> {
  if (payload !== undefined && payload.length > 0) return payload;
  const late = await readAfterChange(context, (call) => keyProtect.getKeyMaterial(call, id));
  return late?.payload;
}

/**
 * Creates the handler of CreateKey. The response has the material of a standard key if the request
 * asks for a representation. The response to a replayed request never has it, because the
 * authorization rules on GetKeyMaterial decide who may read the material of an existing key.
 */
export function createKey({
  keyProtectOf,
  dialectOf,
  clock,
  idempotency,
}: ServiceDeps): UnaryHandler<CreateKeyRequest, CreateKeyResponse> {
  const idempotent = createIdempotent(idempotency);
  return createHandler({
    validate(request, violations, context) {
      check(violations, "name", request.name, keyName);
      check(violations, "type", request.type, keyType);
      check(violations, "description", request.description, description);
      check(violations, "tags", request.tags, tags);
      check(violations, "expire_time", request.expireTime, expireTime(clock.wallNow()));
      checkMaterial(violations, request.material, request.type, dialectOf(context));
      check(violations, "return_preference", request.returnPreference, returnPreference);
      check(violations, "request_id", request.requestId, requestId);
      check(violations, "key_ring_id", request.keyRingId, optional(keyRingId));
      check(violations, "aliases", request.aliases, newAliases);
      check(violations, "policy_overrides", request.policyOverrides, policyOverrides);
    },
    async answer(request, context) {
      const keyProtect = keyProtectOf(context);
      const creation = await idempotent(context, creationOf(request, keyProtect, context.keyRing));
      if (creation.kind === "replay") {
        const isTokenPassedThrough = idempotency?.isTokenPassedThrough(context) ?? false;
        const found = await readReplayed(context, creation, { keyProtect, isTokenPassedThrough });
        const key = found === undefined ? toKeyOfId(creation.keyId) : toKey(found);
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
