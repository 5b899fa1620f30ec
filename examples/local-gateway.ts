/** Starts the embedded Key Protect and a gateway that uses it, in this process. */
import { startEmulator, type Emulator } from "../src/emulator/emulator.ts";
import {
  generateTransportKeys,
  type TransportKeyPair,
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
}

/** A running gateway with its own Key Protect. Disposal drains the gateway and stops both. */
export interface LocalGateway extends AsyncDisposable {
  /** Address of the first gRPC listener. */
  readonly address: string;
  readonly emulator: Emulator;
  readonly gateway: Gateway;
}

/**
 * Starts both. The gateway gets its configuration as environment variables, like any other gateway.
 */
export async function startLocalGateway(options: LocalGatewayOptions): Promise<LocalGateway> {
  // Generates the first key pair ahead, because that can take seconds on a busy machine.
  let inStock: TransportKeyPair | undefined = await generateTransportKeys();
  const emulator = await startEmulator({
    ...(options.emulatorPort === undefined ? {} : { port: options.emulatorPort }),
    transportKeys: () => {
      const pair = inStock;
      inStock = undefined;
      return pair === undefined ? generateTransportKeys() : Promise.resolve(pair);
    },
  });
  try {
    const config = loadConfig({
      env: {
        KP_SERVICE_URL: emulator.url,
        KP_INSTANCE_ID: emulator.instanceId,
        IBMCLOUD_API_KEY: emulator.apiKey,
        IAM_AUTH_URL: emulator.url,
        GATEWAY_LISTEN: options.listen,
        GATEWAY_ADMIN_LISTEN: options.adminListen ?? "127.0.0.1:0",
        GATEWAY_LOG_LEVEL: options.logLevel,
        GATEWAY_DRAIN_DELAY_MS: "0",
      },
      readFile: (path) => {
        throw new Error(`nothing is read from ${path}`);
      },
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
