import type { RegistrationsServiceService } from "../../gen/keyprotect/v1/registrations_service.ts";
import type { HandlersOf } from "../../grpc/call/bind-service.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { listRegistrations } from "./list-registrations.ts";

/** Creates the handlers of `keyprotect.v1.RegistrationsService`. */
export const createRegistrationsHandlers = (
  deps: ServiceDeps,
): HandlersOf<typeof RegistrationsServiceService> => ({
  listRegistrations: listRegistrations(deps),
});
