/** A gateway with endpoints of the kind `kubernetes-kms-v2`, and clients on their sockets. */
import { credentials } from "@grpc/grpc-js";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { createRootKey } from "../../bench/load/root-key.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { KeyManagementServiceClient } from "../../src/gen/kubernetes/kms/v2/api.ts";
import { startTestGateway, type TestGateway, type TestGatewayOptions } from "./start-gateway.ts";

/** Options of `startKmsDoor`. */
export interface KmsDoorOptions extends Omit<TestGatewayOptions, "files"> {
  /** Number of endpoints. The first has the caller `kubernetes-0` and the first key. Default 1. */
  readonly endpoints?: number;
  /** Further settings of every endpoint. */
  readonly settings?: object;
  /** Further settings of one endpoint, with the IDs of all keys. */
  readonly settingsOf?: (at: number, keyIds: readonly string[]) => object;
  /** Further settings of the YAML file. */
  readonly config?: object;
}

/** A gateway with KMS endpoints. */
export interface KmsDoor extends AsyncDisposable {
  readonly gateway: TestGateway;
  /** One root key per endpoint. */
  readonly keyIds: readonly string[];
  readonly sockets: readonly string[];
  /** A client per endpoint. */
  readonly clients: readonly KeyManagementServiceClient[];
  /** The client of the first endpoint. */
  readonly client: KeyManagementServiceClient;
  /** The ID of the first key. */
  readonly keyId: string;
  /** Moves the gateway's monotonic clock forward. Its timers run by the machine's clock. */
  readonly passTime: (ms: number) => void;
  /** Closes what is left after the gateway was drained by the test itself. */
  readonly remove: () => Promise<void>;
}

/** Starts it. The root keys are made directly in the emulator. */
export async function startKmsDoor(options: KmsDoorOptions = {}): Promise<KmsDoor> {
  const { endpoints: count = 1, settings, settingsOf, config, ...rest } = options;
  const folder = await mkdtemp(join(tmpdir(), "kms-door-"));
  const keyIds: string[] = [];
  let passedMs = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + passedMs };
  const sockets = Array.from({ length: count }, (_, at) => join(folder, `kms-${at}.sock`));
  const gateway = await startTestGateway({
    ...rest,
    deps: { clock, ...rest.deps },
    env: { GATEWAY_CONFIG: "gateway.yaml", ...rest.env },
    async files(emulator) {
      while (keyIds.length < count) keyIds.push(await createRootKey(emulator));
      const endpoints = sockets.map((socket, at) => ({
        kind: "kubernetes-kms-v2",
        listen: `unix:${socket}`,
        caller: `kubernetes-${at}`,
        keyId: keyIds[at],
        ...settings,
        ...settingsOf?.(at, keyIds),
      }));
      return { "gateway.yaml": stringify({ endpoints, ...config }) };
    },
  });
  gateway.emulator.requests.clear();
  const clients = sockets.map(
    (socket) => new KeyManagementServiceClient(`unix:${socket}`, credentials.createInsecure()),
  );
  const [client] = clients;
  const [keyId] = keyIds;
  if (client === undefined || keyId === undefined) throw new Error("there is no endpoint");
  return {
    gateway,
    keyIds,
    sockets,
    clients,
    client,
    keyId,
    passTime(ms) {
      passedMs += ms;
    },
    async remove() {
      for (const each of clients) each.close();
      await gateway.emulator[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
    async [Symbol.asyncDispose]() {
      for (const each of clients) each.close();
      await gateway[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}
