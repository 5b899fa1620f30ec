/** SIGHUP and changed files make the compiled process read its configuration again. */
import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createConfigFolder } from "../support/config-folder.ts";
import { startEmulator } from "../support/start-emulator.ts";
import { buildGateway, type BuiltGateway } from "./built-gateway.ts";
import { gatewayEnv } from "./gateway-env.ts";
import { newKey, serveGateway, type ServingGateway } from "./serving.ts";

let built: BuiltGateway;
beforeAll(async () => {
  built = await buildGateway();
}, 120_000);
afterAll(() => built[Symbol.asyncDispose]());

const policyFor = (...methods: readonly string[]) => ({
  policy: { rules: [{ callers: ["anonymous"], methods }] },
});

/** The next line with this message after `lines` lines. */
const lineAfter = (gateway: ServingGateway, lines: number, message: string) =>
  gateway.until(() =>
    gateway
      .log()
      .slice(lines)
      .find(({ msg }) => msg === message),
  );

test("SIGHUP applies a new policy, refuses a broken file with all problems, and never ends the process", async () => {
  await using emulator = await startEmulator();
  const secret = "an-api-key-that-nobody-may-see two-words";
  await using folder = await createConfigFolder(policyFor("*"), { "api-key": emulator.apiKey });
  const env = await gatewayEnv(emulator, {
    GATEWAY_CONFIG: folder.yaml,
    IBMCLOUD_API_KEY: "",
    IBMCLOUD_API_KEY_FILE: folder.pathOf("api-key"),
  });
  await using gateway = await serveGateway(built.main, env);
  const create = () => gateway.call(gateway.keys, "createKey", newKey);
  expect(await create()).toMatchObject({ code: "OK" });

  await folder.configure(policyFor("KeysService/GetKey"));
  let seen = gateway.log().length;
  gateway.send("SIGHUP");
  expect(await lineAfter(gateway, seen, "the configuration was reloaded")).toMatchObject({
    trigger: "signal",
    parts: ["policy"],
  });
  expect(await create()).toMatchObject({ reason: "CALLER_NOT_AUTHORIZED" });

  await writeFile(folder.yaml, "policy: { rules: [ { callers: [\nlisten: 7");
  await folder.write("api-key", secret);
  seen = gateway.log().length;
  gateway.send("SIGHUP");
  const refusal = "the configuration was read again and is refused; the old state stays in use";
  const line = await lineAfter(gateway, seen, refusal);
  expect(line["problems"]).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^GATEWAY_CONFIG: line 2, column \d+: not valid YAML/),
      "IBMCLOUD_API_KEY_FILE: names a file that contains no API key",
    ]),
  );
  expect(await create()).toMatchObject({ reason: "CALLER_NOT_AUTHORIZED" });
  expect(gateway.stdout()).not.toMatch(/nobody-may-see|two-words/);
  expect(gateway.stderr()).toBe("");

  await folder.write("api-key", emulator.apiKey);
  await folder.configure({ ...policyFor("*"), limits: { maxConcurrentStreams: 7 } });
  seen = gateway.log().length;
  gateway.send("SIGHUP");
  expect(await lineAfter(gateway, seen, "a changed setting needs a restart")).toMatchObject({
    settings: ["limits.maxConcurrentStreams"],
  });
  expect(await create()).toMatchObject({ code: "OK" });
  const metrics = await (await fetch(`${env.adminUrl}/metrics`)).text();
  expect(metrics).toContain('keyprotect_gateway_config_reloads_total{result="applied"} 2\n');
  expect(metrics).toContain('keyprotect_gateway_config_reloads_total{result="refused"} 1\n');
  expect(metrics).toContain("keyprotect_gateway_config_restart_needs 1\n");
  gateway.send("SIGTERM");
  expect(await gateway.exit).toEqual({ code: 0, signal: null });
}, 60_000);
