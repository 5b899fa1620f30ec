import { KeyType, ReturnPreference } from "../gen/keyprotect/v1/key.ts";
import type { CreateKeyRequest, CreateKeyResponse } from "../gen/keyprotect/v1/keys_service.ts";
import type { KeyResource } from "../keyprotect/resources.ts";
import type { Operation } from "./create-handler.ts";
import {
  description,
  expireTime,
  keyName,
  keyType,
  refuseRequestId,
  requestId,
  returnPreference,
  tags,
} from "./field-rules.ts";
import type { ServiceDeps } from "./service-deps.ts";
import { toKey } from "./map-key.ts";
import { checkMaterial, toImportedMaterial, wipeMaterial } from "./material-rules.ts";
import { readAfterChange } from "./read-after-change.ts";
import { check } from "./validate.ts";

const none = Buffer.alloc(0);

/** Creates a key; its material is in the answer only for a standard key and only if a representation is asked for. */
export const createKey = ({
  keyProtectOf,
  dialectOf,
  clock,
}: ServiceDeps): Operation<CreateKeyRequest, CreateKeyResponse> => ({
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
    refuseRequestId(request.requestId);
    const keyProtect = keyProtectOf(context);
    const isRepresentationWanted = request.returnPreference === ReturnPreference.REPRESENTATION;
    const created = await keyProtect.createKey(context, {
      name: request.name,
      description: request.description === "" ? undefined : request.description,
      tags: request.tags,
      expirationDate: request.expireTime,
      extractable: request.type === KeyType.STANDARD,
      material: toImportedMaterial(request.material),
      prefer: isRepresentationWanted ? "representation" : "minimal",
    });
    const key = toKey(created);
    const isMaterialWanted = isRepresentationWanted && request.type === KeyType.STANDARD;
    if (!isMaterialWanted || created.extractable === false) {
      created.payload?.fill(0);
      return { key, keyMaterial: none, replayed: false };
    }
    return { key, keyMaterial: (await materialOf(created)) ?? none, replayed: false };

    /** Key Protect may answer a creation before the material exists; it is looked for once. */
    async function materialOf(resource: KeyResource): Promise<Buffer | undefined> {
      if (resource.payload !== undefined && resource.payload.length > 0) return resource.payload;
      const late = await readAfterChange(context, (call) =>
        keyProtect.getKeyMaterial(call, resource.id),
      );
      return late?.payload;
    }
  },
  wipe: (request) => wipeMaterial(request.material),
});
