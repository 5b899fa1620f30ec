import type {
  CancelKeyDeletionRequest,
  CancelKeyDeletionResponse,
} from "../../gen/keyprotect/v1/keys_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { createKeyChangeHandler } from "./change-key.ts";

/** Creates the handler of CancelKeyDeletion. */
export const cancelKeyDeletion = (
  deps: ServiceDeps,
): UnaryHandler<CancelKeyDeletionRequest, CancelKeyDeletionResponse> =>
  createKeyChangeHandler(deps, { change: "unsetKeyForDeletion" });
