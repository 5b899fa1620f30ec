/** Starts the embedded Key Protect and a gateway that uses it, in this process. */
import { readFileSync } from "node:fs";
import { startEmulator, type Emulator } from "../src/emulator/emulator.ts";
import {
  generateTransportKeys,
  type TransportKeySource,
} from "../src/emulator/lockers/transport-key.ts";
import { formatListenAddress } from "../src/config/listen-address.ts";
import { loadConfig } from "../src/config/load-config.ts";
import { startGateway, type Gateway } from "../src/gateway/start-gateway.ts";

/** Addresses and log level of the local gateway. */
export interface LocalGatewayOptions {
  /** Address for gRPC, in the format of `GATEWAY_LISTEN`. */
  readonly listen: string;
  /**
   * Address for admin, in the format of `GATEWAY_ADMIN_LISTEN`. Default: a free port of loopback.
   */
  readonly adminListen?: string;
  /** As in `GATEWAY_LOG_LEVEL`. */
  readonly logLevel: string;
  /** Port of the emulator. Default: any free port. */
  readonly emulatorPort?: number;
  /** Shortest time of an answer of the emulator, in milliseconds. Default 0. */
  readonly latencyMs?: number;
  /** Further variables of the gateway, which win over those of the other options. */
  readonly env?: Readonly<Record<string, string>>;
  /** Source of the RSA pairs for lockers. Default: new pairs, the first of them made ahead. */
  readonly transportKeys?: TransportKeySource;
}

/** A running gateway with its own Key Protect. Disposal drains the gateway and stops both. */
export interface LocalGateway extends AsyncDisposable {
  /** Address of the first gRPC listener. */
  readonly address: string;
  readonly emulator: Emulator;
  readonly gateway: Gateway;
}

/** IDs of the local instances by alias. They differ in the dialect. */
export const localInstanceIds = {
  default: "e0a1b2c3-0000-4000-8000-000000000001",
  "api-2019": "e0a1b2c3-0000-4000-8000-000000002019",
} as const;

/** The configuration file for both local instances. JSON is YAML too. */
export function localConfiguration(emulator: Emulator): string {
  const instance = (alias: keyof typeof localInstanceIds, dialect: string) => ({
    alias,
    dialect,
    serviceUrl: emulator.url,
    iamUrl: emulator.url,
    instanceId: localInstanceIds[alias],
  });
  return JSON.stringify({
    instances: [instance("default", "current"), instance("api-2019", "2019")],
    defaultInstance: "default",
  });
}

/** The name of the configuration file, which is only in memory. */
const configurationFile = "instances.yaml";

/** Generates the first pair ahead, because that can take seconds on a busy machine. */
async function transportKeysAhead(): Promise<TransportKeySource> {
  let inStock = [await generateTransportKeys()];
  return () => {
    const [pair] = inStock;
    inStock = [];
    return pair === undefined ? generateTransportKeys() : Promise.resolve(pair);
  };
}

/**
 * Starts both, with two instances: `default`, and `api-2019` in the dialect of 2019. The gateway
 * gets its configuration as variables and a file, like any other gateway.
 */
export async function startLocalGateway(options: LocalGatewayOptions): Promise<LocalGateway> {
  const emulator = await startEmulator({
    ...(options.emulatorPort === undefined ? {} : { port: options.emulatorPort }),
    ...(options.latencyMs === undefined ? {} : { latencyMs: options.latencyMs }),
    instanceIds: Object.values(localInstanceIds),
    // So long that callers may move the clock of the emulator by hours.
    tokenLifetimeSeconds: 7 * 24 * 3_600,
    transportKeys: options.transportKeys ?? (await transportKeysAhead()),
  });
  try {
    const config = loadConfig({
      env: {
        GATEWAY_CONFIG: configurationFile,
        IBMCLOUD_API_KEY: emulator.apiKey,
        GATEWAY_LISTEN: options.listen,
        GATEWAY_ADMIN_LISTEN: options.adminListen ?? "127.0.0.1:0",
        GATEWAY_LOG_LEVEL: options.logLevel,
        GATEWAY_DRAIN_DELAY_MS: "0",
        ...options.env,
      },
      readFile: (path) =>
        path === configurationFile ? localConfiguration(emulator) : readFileSync(path, "utf8"),
    });
    const gateway = await startGateway(config);
    const [address] = gateway.addresses;
    if (address === undefined) throw new Error("the gateway listens nowhere");
    return {
      address: formatListenAddress(address),
      emulator,
      gateway,
      async [Symbol.asyncDispose]() {
        await gateway.drain();
        await emulator[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await emulator[Symbol.asyncDispose]();
    throw error;
  }
}
