import type { EnableKeyRequest, EnableKeyResponse } from "../../gen/keyprotect/v1/keys_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { activeState } from "../key-protect.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { createKeyChangeHandler } from "./change-key.ts";

/** Creates the handler of EnableKey. */
export const enableKey = (deps: ServiceDeps): UnaryHandler<EnableKeyRequest, EnableKeyResponse> =>
  createKeyChangeHandler(deps, { change: "enable", stateAfter: activeState });
