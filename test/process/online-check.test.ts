/** The check of the compiled process, without and with the servers. */
import { chmod } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createCertificateAuthority } from "../support/certificates.ts";
import { createConfigFolder } from "../support/config-folder.ts";
import { startEmulator } from "../support/start-emulator.ts";
import { buildGateway, type BuiltGateway } from "./built-gateway.ts";
import { startNode } from "./child-process.ts";
import { gatewayEnv } from "./gateway-env.ts";

let built: BuiltGateway;
beforeAll(async () => {
  built = await buildGateway();
}, 120_000);
afterAll(() => built[Symbol.asyncDispose]());

async function run(args: readonly string[], env: Readonly<Record<string, string>>) {
  await using gateway = startNode([built.main, ...args], env);
  const { code, signal } = await gateway.exit;
  return { code, signal, stdout: gateway.stdout(), stderr: gateway.stderr() };
}

const online = ["--check-config", "--online"];

test("the online check of a good configuration ends with 0 and a report without a failure", async () => {
  await using emulator = await startEmulator();
  const { env } = await gatewayEnv(emulator);
  const ended = await run(online, env);
  expect(ended).toMatchObject({ code: 0, signal: null, stderr: "" });
  expect(ended.stdout).toMatch(/^ {2}ok {7}Key Protect: role and instance {2}/m);
  expect(ended.stdout).toMatch(/ ok, 0 failed, \d skipped\n$/);
  expect(ended.stdout).not.toContain(emulator.apiKey);
  expect(emulator.requests.list().map(({ method }) => method)).toEqual(["POST", "GET"]);
}, 60_000);

test("the online check ends with 1 for a refused credential, with a remedy and without the credential", async () => {
  await using emulator = await startEmulator();
  const { env } = await gatewayEnv(emulator, {
    IBMCLOUD_API_KEY: "an-api-key-that-nobody-may-see",
  });
  const ended = await run(online, env);
  expect(ended).toMatchObject({ code: 1, signal: null, stderr: "" });
  expect(ended.stdout).toMatch(/^ {2}FAILED {3}credential .*BXNIM0415E/m);
  expect(ended.stdout).toMatch(/^ {11}remedy: create an API key/m);
  expect(ended.stdout).toMatch(
    /^ {2}skipped {2}Key Protect: role and instance .*there is no token/m,
  );
  expect(ended.stdout).not.toContain("nobody-may-see");
}, 60_000);

test("an unusable configuration ends the online check with 78 before anything is sent", async () => {
  const ended = await run(online, { KP_INSTANCE_ID: "nonsense" });
  expect(ended).toMatchObject({ code: 78, stdout: "" });
  expect(ended.stderr).toContain("KP_INSTANCE_ID: has to be a UUID");
}, 60_000);

test("--online without --check-config ends with 64 and the usage", async () => {
  const ended = await run(["--online"], {});
  expect(ended).toMatchObject({ code: 64, stdout: "" });
  expect(ended.stderr).toMatch(/^usage: /);
}, 60_000);

test("--check-config warns of a secret file that others can read and of a certificate that ends soon", async () => {
  const authority = createCertificateAuthority();
  const { cert, key } = authority.issue({ notAfter: new Date(Date.now() + 5 * 86_400_000) });
  await using folder = await createConfigFolder({}, { cert, key, "api-key": "an-api-key" });
  await chmod(folder.pathOf("api-key"), 0o644);
  await chmod(folder.pathOf("key"), 0o600);
  const { env } = await gatewayEnv(
    { url: "http://127.0.0.1:9", instanceId: "e0a1b2c3-0000-4000-8000-000000000001", apiKey: "" },
    {
      IBMCLOUD_API_KEY_FILE: folder.pathOf("api-key"),
      GATEWAY_TLS_CERT_FILE: folder.pathOf("cert"),
      GATEWAY_TLS_KEY_FILE: folder.pathOf("key"),
    },
  );
  const ended = await run(["--check-config"], env);
  expect(ended.code).toBe(0);
  expect(ended.stderr.trimEnd().split("\n").toSorted()).toEqual([
    expect.stringMatching(
      /^WARNING: GATEWAY_TLS_CERT_FILE: names a file with a certificate that ends on \d{4}-.*Z; renew it$/,
    ),
    "WARNING: IBMCLOUD_API_KEY_FILE: names a secret file that other users can read (mode 0644); 0600 is enough, or 0440 with the gateway's group",
  ]);
}, 60_000);
