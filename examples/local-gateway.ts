/** The embedded Key Protect and a gateway in front of it, in this process. */
import { startEmulator, type Emulator } from "../src/emulator/emulator.ts";
import {
  generateTransportKeys,
  type TransportKeyPair,
} from "../src/emulator/lockers/transport-key.ts";
import { formatListenAddress } from "../src/config/listen-address.ts";
import { loadConfig } from "../src/config/load-config.ts";
import { startGateway, type Gateway } from "../src/gateway/start-gateway.ts";

/** Where the local gateway listens and what it says. */
export interface LocalGatewayOptions {
  /** As in `GATEWAY_LISTEN`. */
  readonly listen: string;
  /** As in `GATEWAY_ADMIN_LISTEN`. Default: any free port of loopback. */
  readonly adminListen?: string;
  readonly logLevel: string;
  /** Default: any free port. */
  readonly emulatorPort?: number;
}

/** A gateway that needs nothing from outside. */
export interface LocalGateway extends AsyncDisposable {
  /** Address of the first gRPC listener. */
  readonly address: string;
  readonly emulator: Emulator;
  readonly gateway: Gateway;
}

/** Starts both. The gateway is configured as any other: by its environment variables. */
export async function startLocalGateway(options: LocalGatewayOptions): Promise<LocalGateway> {
  // An HSM has key pairs in stock; here the first one is made ahead, since making one takes seconds on a busy machine.
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
