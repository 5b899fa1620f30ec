/**
 * A tour of the gateway: `npm run demo`. It starts the embedded Key Protect and a gateway, makes
 * gRPC calls through the gateway as a service would, and explains each step. Every call goes over
 * sockets.
 */
import { startLocalGateway } from "../local-gateway.ts";
import { createClients } from "./clients.ts";
import { showErrors, showOutage } from "./errors.ts";
import { showImport, showLists } from "./import.ts";
import { showLife } from "./life.ts";
import { createNarrator } from "./narrator.ts";

await using local = await startLocalGateway({ listen: "127.0.0.1:0", logLevel: "silent" });
const { emulator, address } = local;
const clients = createClients(address);
const narrator = createNarrator();

narrator.say(`Embedded Key Protect at ${emulator.url}, gateway at ${address}.`);
narrator.say(
  `IBM Key Protect keeps encryption keys for other services. Here, a service calls the gateway over
  gRPC, and the gateway calls Key Protect. Each line with a status is one call. Its correlation ID
  finds the call in the logs of the gateway and of Key Protect.`,
);
narrator.heading();

const life = await showLife(narrator, clients, emulator);
await showImport(narrator, clients);
await showLists(narrator, clients);
await showErrors(narrator, clients, life);
await showOutage(narrator, clients, emulator, life);

clients.close();
narrator.say("Done: every call but the invalid one went client → gateway → Key Protect and back.");
