import type { AliasesServiceService } from "../../gen/keyprotect/v1/aliases_service.ts";
import type { HandlersOf } from "../../grpc/call/bind-service.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { createAlias } from "./create-alias.ts";
import { deleteAlias } from "./delete-alias.ts";

/** Creates the handlers of `keyprotect.v1.AliasesService`. */
export const createAliasesHandlers = (
  deps: ServiceDeps,
): HandlersOf<typeof AliasesServiceService> => ({
  createAlias: createAlias(deps),
  deleteAlias: deleteAlias(deps),
});
