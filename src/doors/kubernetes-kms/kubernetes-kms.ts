/** The door `kubernetes-kms-v2`: a KMS plugin of the API servers of Kubernetes. */
import type { KubernetesKmsConfig } from "../../config/endpoint.ts";
import { doorDescriptorSets } from "../../gen/door-descriptor-sets.ts";
import { KeyManagementServiceService } from "../../gen/kubernetes/kms/v2/api.ts";
import { bindService } from "../../grpc/call/bind-service.ts";
import { doorRpcOf, type Door, type DoorDeps } from "../door.ts";
import { createDecrypt } from "./decrypt.ts";
import { createEncrypt } from "./encrypt.ts";
import { createKeyVersionStatus } from "./key-version-status.ts";
import { createStatus } from "./status.ts";
import { createWrapWithVersion } from "./wrap-with-version.ts";

/** Options of the door. */
export interface KubernetesKmsOptions extends DoorDeps {
  readonly endpoint: KubernetesKmsConfig;
  /** ID of the Key Protect instance. */
  readonly instanceId: string;
}

/** Creates the door of one root key. Nothing is sent before the first call. */
export function createKubernetesKms(options: KubernetesKmsOptions): Door {
  const { endpoint, clock } = options;
  const wrap = createWrapWithVersion(options);
  const keyVersion = createKeyVersionStatus({
    async wrap(context) {
      // The bytes mean nothing. A wrap of them is what Encrypt does, so it proves that it can.
      const { keyVersionId } = await wrap(Buffer.alloc(32), context);
      return keyVersionId;
    },
    maxStalenessMs: endpoint.maxStalenessMs,
    caller: endpoint.caller,
    clock,
  });
  const handlers = {
    status: createStatus({ ...options, keyVersion }),
    encrypt: createEncrypt({ ...options, wrap, keyVersion }),
    decrypt: createDecrypt(options),
  };
  return {
    healthServices: ["v2.KeyManagementService"],
    descriptorSetBase64: doorDescriptorSets.kubernetes,
    bind: (unary) => [bindService(KeyManagementServiceService, handlers, unary, doorRpcOf)],
    uidOf: (request) =>
      typeof request === "object" &&
      request !== null &&
      "uid" in request &&
      typeof request.uid === "string"
        ? request.uid
        : undefined,
  };
}
