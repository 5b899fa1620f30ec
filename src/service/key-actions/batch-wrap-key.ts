import type {
  BatchWrapKeyRequest,
  BatchWrapKeyResponse,
} from "../../gen/keyprotect/v1/key_actions_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createBatchHandler } from "../items/batch.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { wrapKey } from "./wrap-key.ts";

/** Creates the handler of BatchWrapKey. Equal plaintexts get ciphertexts that do not show it. */
export const batchWrapKey = (
  deps: ServiceDeps,
): UnaryHandler<BatchWrapKeyRequest, BatchWrapKeyResponse> =>
  createBatchHandler({ handler: wrapKey(deps), deps });
