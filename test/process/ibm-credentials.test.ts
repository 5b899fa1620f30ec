/** A process with nothing but IBM's own names, in a credentials file of its working directory. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultCrToken } from "../../src/emulator/options.ts";
import { startEmulator } from "../support/start-emulator.ts";
import { eventually } from "../support/eventually.ts";
import { buildGateway, type BuiltGateway } from "./built-gateway.ts";
import { startNode } from "./child-process.ts";
import { gatewayEnv } from "./gateway-env.ts";

let built: BuiltGateway;
beforeAll(async () => {
  built = await buildGateway();
}, 120_000);
afterAll(() => built[Symbol.asyncDispose]());

/** Makes a working directory with a credentials file. */
async function directoryWith(name: string, lines: readonly string[]): Promise<string> {
  const directory = join(built.folder, name);
  await mkdir(directory);
  const text = lines.map((line) => `IBM_KEY_PROTECT_API_${line}\n`).join("");
  await writeFile(join(directory, "ibm-credentials.env"), text);
  return directory;
}

const withoutOwnNames = (env: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).filter(
      ([name]) => !["KP_SERVICE_URL", "IAM_AUTH_URL", "IBMCLOUD_API_KEY"].includes(name),
    ),
  );

test("a gateway with only an ibm-credentials.env of a container gets a token and serves", async () => {
  await using emulator = await startEmulator();
  const tokenFile = join(built.folder, "sa-token");
  await writeFile(tokenFile, defaultCrToken);
  const directory = await directoryWith("container", [
    `URL=${emulator.url}`,
    `AUTH_URL=${emulator.url}`,
    "AUTH_TYPE=container",
    `IAM_PROFILE_NAME="${emulator.trustedProfiles.list[0]?.name}"`,
    `CR_TOKEN_FILENAME=${tokenFile}`,
  ]);
  const { env, adminUrl } = await gatewayEnv(emulator);
  await using gateway = startNode([built.main], withoutOwnNames(env), directory);
  await gateway.until(() => gateway.log().find(({ msg }) => String(msg).startsWith("serving /")));
  await eventually(async () => (await fetch(`${adminUrl}/readyz`)).status === 200);
  const state = await fetch(`${adminUrl}/state`);
  expect(await state.json()).toMatchObject({
    instances: { default: { token: { authType: "container", phase: "fresh" } } },
  });
  expect(gateway.stdout() + gateway.stderr()).not.toContain(defaultCrToken);
}, 60_000);

test("--check-config names the file of a conflict and ends with 78, without any value", async () => {
  const directory = await directoryWith("conflict", ["APIKEY=canary-of-the-file"]);
  const upstream = {
    url: "http://127.0.0.1:9",
    instanceId: "e0a1b2c3-0000-4000-8000-000000000001",
    apiKey: "canary-of-the-environment",
  };
  const { env } = await gatewayEnv(upstream);
  await using gateway = startNode([built.main, "--check-config"], env, directory);
  expect(await gateway.exit).toEqual({ code: 78, signal: null });
  expect(gateway.stderr()).toContain(
    "IBMCLOUD_API_KEY: is also set, to another value, as IBM_KEY_PROTECT_API_APIKEY (./ibm-credentials.env); set only one",
  );
  expect(gateway.stdout() + gateway.stderr()).not.toContain("canary");
}, 20_000);

test("--check-config warns of a private Key Protect with a public IAM, and succeeds", async () => {
  const directory = await directoryWith("private", [
    "URL=https://private.eu-de.kms.cloud.ibm.com",
    "APIKEY=canary-of-the-file",
  ]);
  const env = { KP_INSTANCE_ID: "e0a1b2c3-0000-4000-8000-000000000001" };
  await using gateway = startNode([built.main, "--check-config"], env, directory);
  expect(await gateway.exit).toEqual({ code: 0, signal: null });
  expect(gateway.stderr()).toMatch(/^WARNING: IAM_AUTH_URL: is public although/m);
  expect(gateway.stdout()).toContain("authType: iam");
  expect(gateway.stdout() + gateway.stderr()).not.toContain("canary");
}, 20_000);
