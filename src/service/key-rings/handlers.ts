import type { KeyRingsServiceService } from "../../gen/keyprotect/v1/key_rings_service.ts";
import type { HandlersOf } from "../../grpc/call/bind-service.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { createKeyRing } from "./create-key-ring.ts";
import { deleteKeyRing } from "./delete-key-ring.ts";
import { listKeyRings } from "./list-key-rings.ts";

/** Creates the handlers of `keyprotect.v1.KeyRingsService`. */
export const createKeyRingsHandlers = (
  deps: ServiceDeps,
): HandlersOf<typeof KeyRingsServiceService> => ({
  listKeyRings: listKeyRings(deps),
  createKeyRing: createKeyRing(deps),
  deleteKeyRing: deleteKeyRing(deps),
});
