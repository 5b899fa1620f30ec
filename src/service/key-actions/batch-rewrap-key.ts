import type {
  BatchRewrapKeyRequest,
  BatchRewrapKeyResponse,
} from "../../gen/keyprotect/v1/key_actions_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createBatchHandler } from "../items/batch.ts";
import { ciphertextIdentity } from "../items/identity.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { rewrapKey } from "./rewrap-key.ts";

/** Creates the handler of BatchRewrapKey. */
export const batchRewrapKey = (
  deps: ServiceDeps,
): UnaryHandler<BatchRewrapKeyRequest, BatchRewrapKeyResponse> =>
  createBatchHandler({ handler: rewrapKey(deps), deps, identityOf: ciphertextIdentity });
