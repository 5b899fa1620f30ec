/** Two gateway processes before one emulator, of which one is killed during a call. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { credentials } from "@grpc/grpc-js";
import { repositoryRoot } from "../../scripts/run.ts";
import { serviceConfigFile } from "../../scripts/service-config.ts";
import type { Emulator } from "../../src/emulator/emulator.ts";
import { KeysServiceClient } from "../../src/gen/keyprotect/v1/keys_service.ts";
import { eventually } from "../support/eventually.ts";
import { gatewayEnv } from "./gateway-env.ts";
import { serveGateway, type ServingGateway } from "./serving.ts";

/** The service configuration that callers get with the contract. */
export const publishedConfig: string = readFileSync(
  join(repositoryRoot, serviceConfigFile),
  "utf8",
);

/** Two replicas, and a client that knows both. */
export interface Replicas extends AsyncDisposable {
  readonly client: KeysServiceClient;
  /**
   * Makes a call during which its gateway is killed. Key Protect executes the next request of
   * `operation` and answers only a half.
   */
  callAndKill<T>(operation: string, call: () => Promise<T>): Promise<T>;
}

/** Options of `startReplicas`. */
export interface ReplicasOptions {
  /** Default: the published one. */
  readonly serviceConfig?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Whether a gateway has a call in progress. */
async function isBusy(adminUrl: string): Promise<boolean> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  return /^keyprotect_gateway_inflight 1$/m.test(text);
}

/** Starts two replicas of the compiled gateway `main`. */
export async function startReplicas(
  main: string,
  emulator: Emulator,
  { serviceConfig = publishedConfig, env = {} }: ReplicasOptions = {},
): Promise<Replicas> {
  const envs = [await gatewayEnv(emulator, env), await gatewayEnv(emulator, env)];
  const gateways: ServingGateway[] = [];
  for (const each of envs) gateways.push(await serveGateway(main, each));
  const client = new KeysServiceClient(
    `ipv4:${envs.map(({ address }) => address).join(",")}`,
    credentials.createInsecure(),
    { "grpc.service_config": serviceConfig },
  );

  const killBusy = async (): Promise<void> => {
    // All are asked before one is killed: its call may then continue at another.
    const busy = await Promise.all(envs.map(({ adminUrl }) => isBusy(adminUrl)));
    for (const [at, gateway] of gateways.entries()) {
      if (busy[at] === true) gateway.send("SIGKILL");
    }
  };
  return {
    client,
    async callAndKill(operation, call) {
      const before = emulator.requests.list({ operation }).length;
      emulator.faults.add({ match: { operation }, times: 1, action: { kind: "stall" } });
      const calling = call();
      await eventually(() => emulator.requests.list({ operation }).length > before);
      await killBusy();
      return calling;
    },
    async [Symbol.asyncDispose]() {
      client.close();
      for (const gateway of gateways) await gateway[Symbol.asyncDispose]();
    },
  };
}
