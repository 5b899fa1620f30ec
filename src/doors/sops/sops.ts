/** The door `sops`: a key service of the sops command, which encrypts files. */
import type { SopsConfig } from "../../config/endpoint.ts";
import { doorDescriptorSets } from "../../gen/door-descriptor-sets.ts";
import { KeyServiceService } from "../../gen/sops/keyservice.ts";
import { bindService } from "../../grpc/call/bind-service.ts";
import { doorRpcOf, type Door, type DoorDeps } from "../door.ts";
import { createSopsDecrypt } from "./decrypt.ts";
import { createSopsEncrypt } from "./encrypt.ts";
import { createReadKey } from "./named-key.ts";

/** Creates the door. It sends nothing of its own. */
export function createSopsDoor(endpoint: SopsConfig, deps: DoorDeps): Door {
  const readKey = createReadKey(endpoint);
  const handlers = {
    encrypt: createSopsEncrypt(readKey, deps),
    decrypt: createSopsDecrypt(readKey, deps),
  };
  return {
    healthServices: ["KeyService"],
    descriptorSetBase64: doorDescriptorSets.sops,
    bind: (unary) => [bindService(KeyServiceService, handlers, unary, doorRpcOf)],
  };
}
