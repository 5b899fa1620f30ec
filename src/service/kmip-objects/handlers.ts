import type { KmipObjectsServiceService } from "../../gen/keyprotect/kmip/v1/kmip_objects_service.ts";
import type { HandlersOf } from "../../grpc/call/bind-service.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { deleteObject } from "./delete-object.ts";
import { getObject } from "./get-object.ts";
import { listObjects } from "./list-objects.ts";

/** Creates the handlers of `keyprotect.kmip.v1.KmipObjectsService`. */
export const createKmipObjectsHandlers = (
  deps: ServiceDeps,
): HandlersOf<typeof KmipObjectsServiceService> => ({
  listObjects: listObjects(deps),
  getObject: getObject(deps),
  deleteObject: deleteObject(deps),
});
