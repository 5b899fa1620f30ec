import type {
  BatchUnwrapKeyRequest,
  BatchUnwrapKeyResponse,
} from "../../gen/keyprotect/v1/key_actions_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createBatchHandler } from "../items/batch.ts";
import { ciphertextIdentity } from "../items/identity.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { unwrapKey } from "./unwrap-key.ts";

/** Creates the handler of BatchUnwrapKey. */
export const batchUnwrapKey = (
  deps: ServiceDeps,
): UnaryHandler<BatchUnwrapKeyRequest, BatchUnwrapKeyResponse> =>
  createBatchHandler({ handler: unwrapKey(deps), deps, identityOf: ciphertextIdentity });
