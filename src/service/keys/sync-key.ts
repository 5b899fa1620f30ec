import type { SyncKeyRequest, SyncKeyResponse } from "../../gen/keyprotect/v1/keys_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { createKeyChangeHandler } from "./change-key.ts";

/** Creates the handler of SyncKey. */
export const syncKey = (deps: ServiceDeps): UnaryHandler<SyncKeyRequest, SyncKeyResponse> =>
  createKeyChangeHandler(deps, { change: "sync" });
