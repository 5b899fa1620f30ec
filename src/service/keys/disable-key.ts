import type {
  DisableKeyRequest,
  DisableKeyResponse,
} from "../../gen/keyprotect/v1/keys_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { suspendedState } from "../key-protect.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { createKeyChangeHandler } from "./change-key.ts";

/** Creates the handler of DisableKey. */
export const disableKey = (
  deps: ServiceDeps,
): UnaryHandler<DisableKeyRequest, DisableKeyResponse> =>
  createKeyChangeHandler(deps, { change: "disable", stateAfter: suspendedState });
