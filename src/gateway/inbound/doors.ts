/** Opens the doors: each foreign protocol on a listener of its own. */
import type { ServerInterceptor } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { Config } from "../../config/config.ts";
import type { EndpointConfig } from "../../config/endpoint.ts";
import type { ListenAddress } from "../../config/listen-address.ts";
import { rpcsOfDoor } from "../../door-rpcs/door-rpcs.ts";
import { asRpc, type Door, type DoorDeps } from "../../doors/door.ts";
import { createEnterDoor } from "../../doors/enter-door.ts";
import { createKubernetesKms } from "../../doors/kubernetes-kms/kubernetes-kms.ts";
import { createSopsDoor } from "../../doors/sops/sops.ts";
import { createAuthorize } from "../../grpc/interceptors/authorize.ts";
import { type GatewayServer, startServer } from "../../grpc/server/server.ts";
import type { Clock } from "../../platform/clock.ts";
import { AsyncDisposables } from "../../platform/disposable-stack.ts";
import type { Rpc } from "../../rpc-table.ts";
import { createKeyActionsHandlers } from "../../service/key-actions/handlers.ts";
import type { ServiceDeps } from "../../service/service-deps.ts";
import type { Calls } from "./calls.ts";

/** Dependencies of `openDoors`. */
export interface DoorsDeps {
  readonly serviceDeps: ServiceDeps;
  readonly calls: Pick<Calls, "createDoorCalls" | "access">;
  /** Server interceptors of grpc-js, those of the gateway's other listeners. */
  readonly interceptors: readonly ServerInterceptor[];
  readonly logger: Logger;
  readonly clock: Clock;
}

/** A door that listens. */
export interface OpenDoor extends Pick<GatewayServer, "health" | "drain"> {
  readonly kind: EndpointConfig["kind"];
  readonly caller: string;
  /** The address, with the bound port. */
  readonly address: ListenAddress;
}

/** All doors. Disposing of them closes them without waiting for active calls. */
export interface OpenDoors extends AsyncDisposable {
  /** In the order of the configuration. */
  readonly list: readonly OpenDoor[];
}

/** The RPCs that the configured doors serve. */
export const doorRpcsOf = ({ endpoints }: Pick<Config, "endpoints">): readonly Rpc[] => [
  ...new Set(endpoints.flatMap(({ kind }) => rpcsOfDoor[kind])),
];

/** Creates the protocol of an endpoint. */
function createDoor(endpoint: EndpointConfig, config: Config, deps: DoorDeps): Door {
  if (endpoint.kind === "sops") return createSopsDoor(endpoint, deps);
  const instance = config.instances.find(({ alias }) => alias === endpoint.instance);
  if (instance === undefined) throw new Error("the checks missed an unknown instance");
  return createKubernetesKms({ ...deps, endpoint, instanceId: instance.instanceId });
}

/** Opens all doors. If one cannot listen, closes the others and rejects. */
export async function openDoors(config: Config, deps: DoorsDeps): Promise<OpenDoors> {
  const { serviceDeps, logger, clock } = deps;
  const actions = createKeyActionsHandlers(serviceDeps);
  const doorDeps: DoorDeps = {
    wrapKey: asRpc(actions.wrapKey, "/keyprotect.v1.KeyActionsService/WrapKey"),
    unwrapKey: asRpc(actions.unwrapKey, "/keyprotect.v1.KeyActionsService/UnwrapKey"),
    clock,
  };
  await using opened = new AsyncDisposables();
  const list: OpenDoor[] = [];
  for (const endpoint of config.endpoints) {
    const { kind, caller, instance } = endpoint;
    const door = createDoor(endpoint, config, doorDeps);
    const { unary, activeCalls, connections } = deps.calls.createDoorCalls([
      createEnterDoor({ caller, instance, uidOf: door.uidOf }),
      createAuthorize(deps.calls.access.isAllowed),
    ]);
    const server = opened.add(
      await startServer({
        listeners: [endpoint.listen],
        tls: undefined,
        services: door.bind(unary),
        limits: config.limits,
        times: config.connections,
        healthServices: door.healthServices,
        reflection: config.reflection
          ? { descriptorSetBase64: door.descriptorSetBase64 }
          : undefined,
        activeCalls,
        connections,
        interceptors: deps.interceptors,
        logger,
        clock,
        drain: config.drain,
      }),
    );
    const [address = endpoint.listen] = server.addresses;
    list.push({ kind, caller, address, health: server.health, drain: () => server.drain() });
    logger.info({ kind, caller, instance, address }, "an endpoint is open");
  }
  const resources = opened.move();
  return { list, [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose]() };
}
