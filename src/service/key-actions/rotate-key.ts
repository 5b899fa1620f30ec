import { KeyType, ReturnPreference } from "../../gen/keyprotect/v1/key.ts";
import type {
  RotateKeyRequest,
  RotateKeyResponse,
} from "../../gen/keyprotect/v1/key_actions_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import { keyId, requestId, returnPreference } from "../validation/fields.ts";
import { toKey, toKeyOfId } from "../keys/key-message.ts";
import {
  checkMaterial,
  materialParts,
  toImportedMaterial,
  zeroizeMaterial,
} from "../keys/key-material.ts";
import { readAfterChange } from "../keys/read-after-change.ts";
import { createRequestGuard } from "../idempotency/idempotent.ts";
import { readReplayed } from "../idempotency/replay.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { check } from "../validation/rules.ts";

/** Makes a new version of a root key. */
export function rotateKey({
  keyProtectOf,
  dialectOf,
  requestIds,
}: ServiceDeps): UnaryHandler<RotateKeyRequest, RotateKeyResponse> {
  const guard = createRequestGuard(requestIds);
  return createHandler({
    validate: (request, violations, context) => {
      check(violations, "key_id", request.keyId, keyId);
      // Only root keys can be rotated.
      checkMaterial(violations, request.material, KeyType.ROOT, dialectOf(context));
      check(violations, "request_id", request.requestId, requestId);
      check(violations, "return_preference", request.returnPreference, returnPreference);
    },
    subjectOf: (request) => ({ keyId: request.keyId }),
    answer: async (request, context) => {
      const keyProtect = keyProtectOf(context);
      const rotation = await guard(context, {
        requestId: request.requestId,
        fields: [
          request.keyId,
          String(request.returnPreference),
          ...materialParts(request.material).fields,
        ],
        material: materialParts(request.material).material,
        make: (call) =>
          keyProtect.rotateKey(call, request.keyId, toImportedMaterial(request.material)),
        // Key Protect answers a rotation without a body, and so without the ID behind an alias.
        keyIdOf: () => request.keyId,
      });
      const isRepresentationWanted = request.returnPreference === ReturnPreference.REPRESENTATION;
      const replayed = rotation.kind === "replay";
      if (rotation.kind === "replay") {
        const isTokenPassedThrough = requestIds?.isTokenPassedThrough(context) ?? false;
        const found = await readReplayed(context, rotation, { keyProtect, isTokenPassedThrough });
        const key = found !== undefined && isRepresentationWanted ? toKey(found) : undefined;
        return { key: key ?? toKeyOfId(request.keyId), replayed };
      }
      // The answer has no body, so that a representation takes a read.
      const rotated = isRepresentationWanted
        ? await readAfterChange(context, (call) => keyProtect.getKey(call, request.keyId))
        : undefined;
      return { key: rotated === undefined ? toKeyOfId(request.keyId) : toKey(rotated), replayed };
    },
    zeroize: (request) => zeroizeMaterial(request.material),
  });
}
