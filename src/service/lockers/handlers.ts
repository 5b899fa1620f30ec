import type { LockersServiceService } from "../../gen/keyprotect/v1/lockers_service.ts";
import type { HandlersOf } from "../../grpc/call/bind-service.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { createLocker } from "./create-locker.ts";
import { listLockers } from "./list-lockers.ts";
import { retrieveLocker } from "./retrieve-locker.ts";

/** Creates the handlers of `keyprotect.v1.LockersService`. */
export const createLockersHandlers = (
  deps: ServiceDeps,
): HandlersOf<typeof LockersServiceService> => ({
  createLocker: createLocker(deps),
  listLockers: listLockers(deps),
  retrieveLocker: retrieveLocker(deps),
});
