/** A gateway with an endpoint of the kind `sops`, and a generated client on its socket. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials } from "@grpc/grpc-js";
import { stringify } from "yaml";
import { createRootKey } from "../../bench/load/root-key.ts";
import { KeyServiceClient, type Key } from "../../src/gen/sops/keyservice.ts";
import { startTestGateway, type TestGateway, type TestGatewayOptions } from "./start-gateway.ts";

/** The caller of the endpoint. */
export const sopsCaller = "sops";

/** Options of `startSopsDoor`. */
export interface SopsDoorOptions extends Omit<TestGatewayOptions, "files"> {
  /** Further settings of the endpoint. */
  readonly settings?: object;
  /** Further settings of the YAML file. */
  readonly config?: object;
}

/** A gateway with an endpoint for sops. */
export interface SopsDoor extends AsyncDisposable {
  readonly gateway: TestGateway;
  readonly client: KeyServiceClient;
  /** Path of the socket. */
  readonly socket: string;
  /** A folder for files. */
  readonly folder: string;
  /** ID of the key that the endpoint may use; it has the alias `sops-app`. */
  readonly keyId: string;
  /** ID of a key that it may not use. */
  readonly otherKeyId: string;
}

/** A Vault key, as sops sends it. */
export const vaultKey = (keyName: string, changes: object = {}): Key => ({
  keyType: {
    $case: "vaultKey",
    value: {
      vaultAddress: "https://keyprotect.internal",
      enginePath: "default",
      keyName,
      ...changes,
    },
  },
});

/** An AWS key, as sops sends it. */
export const kmsKey = (arn: string, context: Record<string, string> = {}, rest = {}): Key => ({
  keyType: { $case: "kmsKey", value: { arn, role: "", context, awsProfile: "", ...rest } },
});

/** Starts it. The endpoint may use one key by its ID, and the aliases that begin with `sops-`. */
export async function startSopsDoor(options: SopsDoorOptions = {}): Promise<SopsDoor> {
  const { settings, config, ...rest } = options;
  const folder = await mkdtemp(join(tmpdir(), "sops-door-"));
  const socket = join(folder, "sops.sock");
  let keyId = "";
  let otherKeyId = "";
  const gateway = await startTestGateway({
    ...rest,
    env: { GATEWAY_CONFIG: "gateway.yaml", ...rest.env },
    async files(emulator) {
      keyId = await createRootKey(emulator);
      otherKeyId = await createRootKey(emulator);
      const endpoint = {
        kind: "sops",
        listen: `unix:${socket}`,
        caller: sopsCaller,
        keys: [keyId, "sops-*"],
        ...settings,
      };
      return { "gateway.yaml": stringify({ endpoints: [endpoint], ...config }) };
    },
  });
  await gateway.call(gateway.clients.aliases, "createAlias", { keyId, alias: "sops-app" });
  await gateway.call(gateway.clients.aliases, "createAlias", { keyId, alias: "other-app" });
  gateway.emulator.requests.clear();
  const client = new KeyServiceClient(`unix:${socket}`, credentials.createInsecure());
  return {
    gateway,
    client,
    socket,
    folder,
    keyId,
    otherKeyId,
    async [Symbol.asyncDispose]() {
      client.close();
      await gateway[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}
