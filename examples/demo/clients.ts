/** The clients of the gateway that the steps of the demo use. */
import { credentials } from "@grpc/grpc-js";
import { KeyActionsServiceClient } from "../../src/gen/keyprotect/v1/key_actions_service.ts";
import { KeyRingsServiceClient } from "../../src/gen/keyprotect/v1/key_rings_service.ts";
import { KeysServiceClient } from "../../src/gen/keyprotect/v1/keys_service.ts";
import { LockersServiceClient } from "../../src/gen/keyprotect/v1/lockers_service.ts";
import { PoliciesServiceClient } from "../../src/gen/keyprotect/v1/policies_service.ts";
import { RegistrationsServiceClient } from "../../src/gen/keyprotect/v1/registrations_service.ts";

/** A client per service. */
export type Clients = ReturnType<typeof createClients>;

/** Creates a client of each service at an address. */
export function createClients(address: string) {
  const channel = credentials.createInsecure();
  const clients = {
    keys: new KeysServiceClient(address, channel),
    actions: new KeyActionsServiceClient(address, channel),
    rings: new KeyRingsServiceClient(address, channel),
    policies: new PoliciesServiceClient(address, channel),
    registrations: new RegistrationsServiceClient(address, channel),
    lockers: new LockersServiceClient(address, channel),
  };
  const close = (): void => {
    for (const client of Object.values(clients)) client.close();
  };
  return { ...clients, close };
}
