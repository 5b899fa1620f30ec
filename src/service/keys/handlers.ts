import type { KeysServiceService } from "../../gen/keyprotect/v1/keys_service.ts";
import type { HandlersOf } from "../../grpc/call/bind-service.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { countKeys } from "./count-keys.ts";
import { createKey } from "./create-key.ts";
import { deleteKey } from "./delete-key.ts";
import { getKey } from "./get-key.ts";
import { getKeyMaterial } from "./get-key-material.ts";
import { listKeys } from "./list-keys.ts";

/** Creates the handlers of `keyprotect.v1.KeysService`. */
export const createKeysHandlers = (deps: ServiceDeps): HandlersOf<typeof KeysServiceService> => ({
  createKey: createKey(deps),
  listKeys: listKeys(deps),
  countKeys: countKeys(deps),
  getKey: getKey(deps),
  getKeyMaterial: getKeyMaterial(deps),
  deleteKey: deleteKey(deps),
});
