/** A gateway before two instances, data keys wrapped at the one, and runs that migrate them. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AsyncDisposables } from "../../src/platform/disposable-stack.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { runMigrate } from "../../src/migrate/command.ts";
import { createKeyId, wrapKeyRequest } from "./requests.ts";
import { startTestGateway, type TestGateway, type TestGatewayOptions } from "./start-gateway.ts";

/** IDs of the instances in emulators. */
export const migrationInstanceIds = [
  "e0a1b2c3-0000-4000-8000-00000000000a",
  "e0a1b2c3-0000-4000-8000-00000000000b",
] as const;

/** The part of a configuration file that names both instances: `old` and `new`. */
export function migrationConfig(url: string, apiKeyFile: string): string {
  const instance = (alias: string, id: string): string => `
  - alias: ${alias}
    serviceUrl: ${url}
    instanceId: ${id}
    apiKeyFile: ${apiKeyFile}
`;
  const [old, created] = migrationInstanceIds;
  return `instances:${instance("old", old)}${instance("new", created)}`;
}

/** A parsed line of a file. */
export type Line = Readonly<Record<string, unknown>>;

/** The end of a run. */
export interface MigrateRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Keys, files and runs of one test. */
export interface MigrationSetup extends AsyncDisposable {
  readonly gateway: TestGateway;
  readonly folder: string;
  readonly oldKey: string;
  readonly newKey: string;
  /** Absolute path of a file of the test. */
  path(name: string): string;
  /** Wraps a new data key at the old instance. */
  wrapped(additionalAuthenticatedData?: readonly string[]): Promise<string>;
  /** Unwraps the ciphertext of a line at the new instance. */
  unwrapNew(line: Line | undefined): Promise<Buffer>;
  writeInput(lines: readonly (Line | string)[], name?: string): Promise<void>;
  read(name: string): Promise<string>;
  lines(name: string): Promise<readonly Line[]>;
  /** Runs the command from `in.jsonl` to `out.jsonl` with further arguments. */
  run(args?: readonly string[], signal?: AbortSignal): Promise<MigrateRun>;
}

/** Starts gateway and emulator, and creates a key in each instance. */
export async function setUpMigration(
  options: Pick<TestGatewayOptions, "env"> & {
    readonly yaml?: string;
    /** Texts of further files, by path. */
    readonly files?: Readonly<Record<string, string>>;
  } = {},
): Promise<MigrationSetup> {
  await using opened = new AsyncDisposables();
  const folder = await mkdtemp(join(tmpdir(), "migrate-"));
  opened.add({ [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) });
  const keyFile = join(folder, "api-key");
  const gateway = opened.add(
    await startTestGateway({
      emulator: { instanceIds: migrationInstanceIds },
      env: {
        GATEWAY_CONFIG: "/etc/gateway.yaml",
        KP_SERVICE_URL: "",
        KP_INSTANCE_ID: "",
        KP_API_DIALECT: "",
        IBMCLOUD_API_KEY: "",
        ...options.env,
      },
      files: ({ url, apiKey }) => {
        writeFileSync(keyFile, apiKey);
        const yaml = migrationConfig(url, keyFile) + (options.yaml ?? "");
        return { ...options.files, [keyFile]: apiKey, "/etc/gateway.yaml": yaml };
      },
    }),
  );
  const { actions } = gateway.clients;
  const atOld = { metadata: { "x-kp-instance": "old" } };
  const atNew = { metadata: { "x-kp-instance": "new" } };
  const oldKey = await createKeyId(gateway, {}, atOld.metadata);
  const newKey = await createKeyId(gateway, {}, atNew.metadata);
  const path = (name: string): string => join(folder, name);
  const read = (name: string): Promise<string> => readFile(path(name), "utf8");
  const disposables = opened.move();
  return {
    gateway,
    folder,
    oldKey,
    newKey,
    path,
    async wrapped(additionalAuthenticatedData = []) {
      const plaintext = gateway.secrets.bytes(32);
      const request = {
        ...wrapKeyRequest(oldKey, plaintext),
        additionalAuthenticatedData: [...additionalAuthenticatedData],
      };
      const { ciphertext } = await gateway.call(actions, "wrapKey", request, atOld);
      return ciphertext.toString("base64");
    },
    async unwrapNew(line) {
      const request = {
        keyId: newKey,
        ciphertext: Buffer.from(String(line?.["ciphertext"]), "base64"),
        additionalAuthenticatedData:
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the test wrote it
          (line?.["additionalAuthenticatedData"] as string[] | undefined) ?? [],
      };
      return (await gateway.call(actions, "unwrapKey", request, atNew)).plaintext;
    },
    writeInput: (lines, name = "in.jsonl") => {
      const texts = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
      return writeFile(path(name), texts.map((text) => `${text}\n`).join(""));
    },
    read,
    lines: async (name) =>
      (await read(name))
        .trimEnd()
        .split("\n")
        .map((text): Line => JSON.parse(text)),
    async run(args = [], signal = new AbortController().signal) {
      let stdout = "";
      let stderr = "";
      const exitCode = await runMigrate(
        [
          "--gateway",
          gateway.address,
          "--source-instance",
          "old",
          "--source-key",
          oldKey,
          "--target-instance",
          "new",
          "--target-key",
          newKey,
          "--input",
          path("in.jsonl"),
          "--output",
          path("out.jsonl"),
          ...args,
        ],
        {
          stdout: { write: (text) => (stdout += text) },
          stderr: { write: (text) => (stderr += text) },
          signal,
          clock: systemClock,
          random: Math.random,
        },
      );
      return { exitCode, stdout, stderr };
    },
    [Symbol.asyncDispose]: () => disposables[Symbol.asyncDispose](),
  };
}
