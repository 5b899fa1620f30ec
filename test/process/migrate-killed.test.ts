/**
 * Migrations of 10,000 data keys as a process, during which the gateway or the migration itself is
 * killed: every item is in the output once, in order.
 */
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { unaryCall } from "../../examples/unary-call.ts";
import type { Emulator } from "../../src/emulator/emulator.ts";
import { parseJournal } from "../../src/migrate/files/journal.ts";
import { migrationConfig, migrationInstanceIds } from "../support/migration.ts";
import { createSecretLedger } from "../support/secret-ledger.ts";
import { startEmulator } from "../support/start-emulator.ts";
import { buildGateway, type BuiltGateway } from "./built-gateway.ts";
import { startNode, type ChildProcess } from "./child-process.ts";
import { gatewayEnv, type GatewayEnv } from "./gateway-env.ts";
import { newKey, serveGateway, type ServingGateway } from "./serving.ts";

const items = 10_000;
/** Long, because the machine may have other work. Alone it is a sixth of this. */
const limitMs = 600_000;

const plaintextOf = (at: number): Buffer => createHash("sha256").update(`item ${at}`).digest();
const additionalDataOf = (at: number): string[] => (at % 3 === 0 ? [`tenant=${at}`] : []);
const instance = (alias: string): Metadata => {
  const metadata = new Metadata();
  metadata.set("x-kp-instance", alias);
  return metadata;
};

let built: BuiltGateway;
let folder: string;
let emulator: Emulator;
let env: GatewayEnv;
let oldKey: string;
let newKeyId: string;

const path = (name: string): string => join(folder, name);
const start = (): Promise<ServingGateway> => serveGateway(built.main, env);

async function createKey(gateway: ServingGateway, alias: string): Promise<string> {
  const { response } = await unaryCall(gateway.keys, "createKey", newKey, instance(alias));
  return response?.key?.id ?? "";
}

/** The lines of the input: data keys that are wrapped at the old instance. */
async function wrapAll(gateway: ServingGateway): Promise<readonly string[]> {
  const lines: string[] = Array.from({ length: items }, () => "");
  let next = 0;
  const wrapNext = async (): Promise<void> => {
    for (let at = next++; at < items; at = next++) {
      const additionalAuthenticatedData = additionalDataOf(at);
      const request = { keyId: oldKey, plaintext: plaintextOf(at), additionalAuthenticatedData };
      const ended = await unaryCall(gateway.actions, "wrapKey", request, instance("old"));
      const ciphertext = ended.response?.ciphertext.toString("base64");
      lines[at] = JSON.stringify({ id: `${at}`, ciphertext, additionalAuthenticatedData });
    }
  };
  await Promise.all(Array.from({ length: 32 }, wrapNext));
  return lines;
}

beforeAll(async () => {
  built = await buildGateway();
  folder = await mkdtemp(join(tmpdir(), "migrate-killed-"));
  emulator = await startEmulator({ instanceIds: migrationInstanceIds });
  await writeFile(path("api-key"), emulator.apiKey, { mode: 0o600 });
  await writeFile(path("gateway.yaml"), migrationConfig(emulator.url, path("api-key")));
  const { env: complete, ...addresses } = await gatewayEnv(emulator);
  const { KP_SERVICE_URL: _, KP_INSTANCE_ID: __, IBMCLOUD_API_KEY: ___, ...rest } = complete;
  env = { ...addresses, env: { ...rest, GATEWAY_CONFIG: path("gateway.yaml") } };
  await using gateway = await start();
  oldKey = await createKey(gateway, "old");
  newKeyId = await createKey(gateway, "new");
  await writeFile(path("in.jsonl"), `${(await wrapAll(gateway)).join("\n")}\n`);
}, limitMs);
afterAll(async () => {
  await emulator[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
  await built[Symbol.asyncDispose]();
});

const migrate = (output: string, source = oldKey): ChildProcess => {
  const options = {
    gateway: env.address,
    input: path("in.jsonl"),
    output: path(output),
    "source-instance": "old",
    "source-key": source,
    "target-instance": "new",
    "target-key": newKeyId,
  };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  return startNode([built.main, "migrate", ...args], {});
};

/** Lines that the journal has as done. */
async function done(output: string): Promise<number> {
  const text = await readFile(`${path(output)}.journal`, "utf8").catch(() => "");
  return text === "" ? 0 : parseJournal("journal", text).last.done;
}

/** Resolves when at least so many lines are durable. Rejects if the migration ends before. */
async function reached(output: string, migration: ChildProcess, lines: number): Promise<void> {
  let hasEnded = false;
  void migration.exit.then(() => (hasEnded = true));
  while ((await done(output)) < lines) {
    if (hasEnded) throw new Error(`it ended early: ${migration.stdout()}${migration.stderr()}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}

/** Checks order and number of the lines, and the data keys of some of them. */
async function checkOutput(output: string, gateway: ServingGateway): Promise<void> {
  const lines = (await readFile(path(output), "utf8"))
    .trimEnd()
    .split("\n")
    .map((line): Readonly<Record<string, unknown>> => JSON.parse(line));
  expect(lines.map(({ id }) => id)).toEqual(Array.from({ length: items }, (_, at) => `${at}`));
  expect(new Set(lines.map(({ ciphertext }) => ciphertext)).size).toBe(items);
  for (let at = 0; at < items; at += 97) {
    const request = {
      keyId: newKeyId,
      ciphertext: Buffer.from(String(lines[at]?.["ciphertext"]), "base64"),
      additionalAuthenticatedData: additionalDataOf(at),
    };
    const { response } = await unaryCall(gateway.actions, "unwrapKey", request, instance("new"));
    expect(response?.plaintext.equals(plaintextOf(at))).toBe(true);
  }
}

test(
  "a migration of 10,000 items whose gateway is killed twice has every item once, in order",
  async () => {
    const output = "gateway-killed.jsonl";
    await using migration = migrate(output);
    for (const lines of [2_000, 6_000]) {
      await using gateway = await start();
      await reached(output, migration, lines);
      gateway.send("SIGKILL");
      await gateway.exit;
      expect(await done(output)).toBeLessThan(items);
    }
    await using last = await start();
    expect(await migration.exit).toEqual({ code: 0, signal: null });
    expect(migration.stdout()).toContain("complete: 10,000 of 10,000 items migrated");
    expect(migration.stderr()).toContain("; repeating ");
    await checkOutput(output, last);
    const ledger = createSecretLedger();
    for (let at = 0; at < items; at += 997) ledger.mark(plaintextOf(at));
    const journal = await readFile(`${path(output)}.journal`, "utf8");
    const said = [migration.stdout(), migration.stderr(), journal].join("\n");
    expect(ledger.tracesIn(said)).toEqual([]);
  },
  limitMs,
);

test(
  "a migration of 10,000 items that is killed twice itself, and then stopped by SIGTERM, goes on with the same command",
  async () => {
    const output = "migration-killed.jsonl";
    await using gateway = await start();
    for (const lines of [1_500, 4_500]) {
      await using migration = migrate(output);
      await reached(output, migration, lines);
      migration.send("SIGKILL");
      expect((await migration.exit).signal).toBe("SIGKILL");
    }
    {
      await using migration = migrate(output);
      await reached(output, migration, 7_000);
      migration.send("SIGTERM");
      expect(await migration.exit).toEqual({ code: 75, signal: null });
      expect(migration.stdout()).toMatch(/^interrupted: [\d,]+ of 10,000 items migrated/);
    }
    const before = await done(output);
    await using migration = migrate(output);
    expect(await migration.exit).toEqual({ code: 0, signal: null });
    expect(migration.stdout()).toContain(`done by earlier runs: ${before.toLocaleString("en-US")}`);
    await checkOutput(output, gateway);
    // The same command after the end sends nothing, and a command with another key is refused.
    emulator.requests.clear();
    await using repeated = migrate(output);
    expect(await repeated.exit).toEqual({ code: 0, signal: null });
    await using other = migrate(output, newKeyId);
    expect(await other.exit).toEqual({ code: 65, signal: null });
    expect(other.stderr()).toContain("these differ: --source-key");
    expect(emulator.requests.list({ service: "keyprotect" })).toEqual([]);
  },
  limitMs,
);
