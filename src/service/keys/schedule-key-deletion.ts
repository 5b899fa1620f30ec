import type {
  ScheduleKeyDeletionRequest,
  ScheduleKeyDeletionResponse,
} from "../../gen/keyprotect/v1/keys_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { createKeyChangeHandler } from "./change-key.ts";

/** Creates the handler of ScheduleKeyDeletion. */
export const scheduleKeyDeletion = (
  deps: ServiceDeps,
): UnaryHandler<ScheduleKeyDeletionRequest, ScheduleKeyDeletionResponse> =>
  createKeyChangeHandler(deps, { change: "setKeyForDeletion" });
