import type { KmipAdaptersServiceService } from "../../gen/keyprotect/kmip/v1/kmip_adapters_service.ts";
import type { HandlersOf } from "../../grpc/call/bind-service.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { createAdapter } from "./create-adapter.ts";
import { deleteAdapter } from "./delete-adapter.ts";
import { getAdapter } from "./get-adapter.ts";
import { listAdapters } from "./list-adapters.ts";

/** Creates the handlers of `keyprotect.kmip.v1.KmipAdaptersService`. */
export const createKmipAdaptersHandlers = (
  deps: ServiceDeps,
): HandlersOf<typeof KmipAdaptersServiceService> => ({
  listAdapters: listAdapters(deps),
  createAdapter: createAdapter(deps),
  getAdapter: getAdapter(deps),
  deleteAdapter: deleteAdapter(deps),
});
