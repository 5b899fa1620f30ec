import type { KeysServiceService } from "../../gen/keyprotect/v1/keys_service.ts";
import type { HandlersOf } from "../../grpc/call/bind-service.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { cancelKeyDeletion } from "./cancel-key-deletion.ts";
import { countKeys } from "./count-keys.ts";
import { createKey } from "./create-key.ts";
import { deleteKey } from "./delete-key.ts";
import { disableKey } from "./disable-key.ts";
import { enableKey } from "./enable-key.ts";
import { getKey } from "./get-key.ts";
import { getKeyMaterial } from "./get-key-material.ts";
import { listKeyVersions } from "./list-key-versions.ts";
import { listKeys } from "./list-keys.ts";
import { purgeKey } from "./purge-key.ts";
import { restoreKey } from "./restore-key.ts";
import { scheduleKeyDeletion } from "./schedule-key-deletion.ts";
import { syncKey } from "./sync-key.ts";
import { updateKey } from "./update-key.ts";

/** Creates the handlers of `keyprotect.v1.KeysService`. */
export const createKeysHandlers = (deps: ServiceDeps): HandlersOf<typeof KeysServiceService> => ({
  createKey: createKey(deps),
  listKeys: listKeys(deps),
  countKeys: countKeys(deps),
  getKey: getKey(deps),
  getKeyMaterial: getKeyMaterial(deps),
  deleteKey: deleteKey(deps),
  updateKey: updateKey(deps),
  restoreKey: restoreKey(deps),
  purgeKey: purgeKey(deps),
  enableKey: enableKey(deps),
  disableKey: disableKey(deps),
  scheduleKeyDeletion: scheduleKeyDeletion(deps),
  cancelKeyDeletion: cancelKeyDeletion(deps),
  syncKey: syncKey(deps),
  listKeyVersions: listKeyVersions(deps),
});
