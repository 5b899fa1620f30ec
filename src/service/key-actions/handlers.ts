import type { KeyActionsServiceService } from "../../gen/keyprotect/v1/key_actions_service.ts";
import type { HandlersOf } from "../../grpc/call/bind-service.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { batchRewrapKey } from "./batch-rewrap-key.ts";
import { batchUnwrapKey } from "./batch-unwrap-key.ts";
import { batchWrapKey } from "./batch-wrap-key.ts";
import { generateDataKey } from "./generate-data-key.ts";
import { rewrapKey } from "./rewrap-key.ts";
import { rewrapStream } from "./rewrap-stream.ts";
import { rotateKey } from "./rotate-key.ts";
import { unwrapKey } from "./unwrap-key.ts";
import { wrapKey } from "./wrap-key.ts";

/** Creates the handlers of `keyprotect.v1.KeyActionsService`. */
export const createKeyActionsHandlers = (
  deps: ServiceDeps,
): HandlersOf<typeof KeyActionsServiceService> => ({
  wrapKey: wrapKey(deps),
  generateDataKey: generateDataKey(deps),
  unwrapKey: unwrapKey(deps),
  rotateKey: rotateKey(deps),
  rewrapKey: rewrapKey(deps),
  batchWrapKey: batchWrapKey(deps),
  batchUnwrapKey: batchUnwrapKey(deps),
  batchRewrapKey: batchRewrapKey(deps),
  rewrapStream: rewrapStream(deps),
});
