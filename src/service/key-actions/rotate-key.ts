import { KeyType, ReturnPreference } from "../../gen/keyprotect/v1/key.ts";
import type {
  RotateKeyRequest,
  RotateKeyResponse,
} from "../../gen/keyprotect/v1/key_actions_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import { createIdempotent } from "../idempotency/idempotent.ts";
import { readReplayed } from "../idempotency/replay.ts";
import {
  checkMaterial,
  materialParts,
  toImportedMaterial,
  zeroizeMaterial,
} from "../keys/key-material.ts";
import { toKey, toKeyOfId } from "../keys/key-message.ts";
import { readAfterChange } from "../keys/read-after-change.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { keyId, requestId, returnPreference } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";

/** Creates the handler of RotateKey: makes a new version of a root key. */
export function rotateKey({
  keyProtectOf,
  dialectOf,
  idempotency,
}: ServiceDeps): UnaryHandler<RotateKeyRequest, RotateKeyResponse> {
  const idempotent = createIdempotent(idempotency);
  return createHandler({
    validate(request, violations, context) {
      check(violations, "key_id", request.keyId, keyId);
      // Only root keys can be rotated.
      checkMaterial(violations, request.material, KeyType.ROOT, dialectOf(context));
      check(violations, "request_id", request.requestId, requestId);
      check(violations, "return_preference", request.returnPreference, returnPreference);
    },
    subjectOf: (request) => ({ keyId: request.keyId }),
    async answer(request, context) {
      const keyProtect = keyProtectOf(context);
      const { fields, material } = materialParts(request.material);
      const rotation = await idempotent(context, {
        requestId: request.requestId,
        fields: [request.keyId, String(request.returnPreference), ...fields],
        material,
        make: (call) =>
          keyProtect.rotateKey(call, request.keyId, toImportedMaterial(request.material)),
        // Key Protect answers a rotation without a body; the ID behind an alias stays unknown.
        keyIdOf: () => request.keyId,
      });
      const isRepresentationWanted = request.returnPreference === ReturnPreference.REPRESENTATION;
      const replayed = rotation.kind === "replay";
      if (rotation.kind === "replay") {
        const isTokenPassedThrough = idempotency?.isTokenPassedThrough(context) ?? false;
        const found = await readReplayed(context, rotation, { keyProtect, isTokenPassedThrough });
        const key = found !== undefined && isRepresentationWanted ? toKey(found) : undefined;
        return { key: key ?? toKeyOfId(request.keyId), replayed };
      }
      // A representation needs a read, because the answer has no body.
      const rotated = isRepresentationWanted
        ? await readAfterChange(context, (call) => keyProtect.getKey(call, request.keyId))
        : undefined;
      return { key: rotated === undefined ? toKeyOfId(request.keyId) : toKey(rotated), replayed };
    },
    zeroize: (request) => zeroizeMaterial(request.material),
  });
}
