/**
 * Gateway and emulator as processes: the failures that callers get when Key Protect suddenly dies.
 */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildGateway, type BuiltGateway } from "./built-gateway.ts";
import { startNode } from "./child-process.ts";
import { firstAnswer } from "../support/first-answer.ts";
import { gatewayEnv } from "./gateway-env.ts";
import { newKey, serveGateway } from "./serving.ts";

const root = join(import.meta.dirname, "..", "..");

let built: BuiltGateway;
beforeAll(async () => {
  built = await buildGateway();
}, 120_000);
afterAll(() => built[Symbol.asyncDispose]());

async function startEmulatorProcess() {
  const emulator = startNode(
    ["--import", "tsx", join("src", "emulator", "main.ts")],
    { EMULATOR_PORT: "0" },
    root,
  );
  const read = (name: string): Promise<string> =>
    emulator.until(() => new RegExp(`^ {2}${name}=(\\S+)\n`, "m").exec(emulator.stdout())?.[1]);
  try {
    return {
      ...emulator,
      url: await read("KP_SERVICE_URL"),
      instanceId: await read("KP_INSTANCE_ID"),
      apiKey: await read("IBMCLOUD_API_KEY"),
    };
  } catch (error) {
    await emulator[Symbol.asyncDispose]();
    throw error;
  }
}

test("if Key Protect dies during a call, a safe call may be retried and another has an unknown outcome", async () => {
  await using emulator = await startEmulatorProcess();
  await using gateway = await serveGateway(built.main, await gatewayEnv(emulator));
  const created = await gateway.call(gateway.keys, "createKey", newKey);
  expect(created.code).toBe("OK");

  const control = `${emulator.url}/emulator/faults`;
  for (const operation of ["createKey", "wrapKey"]) {
    const fault = { match: { operation }, action: { kind: "hang" } };
    const answer = await fetch(control, { method: "POST", body: JSON.stringify(fault) });
    expect(answer.status).toBe(200);
  }
  const unsafe = gateway.call(gateway.keys, "createKey", newKey);
  const safe = gateway.call(gateway.actions, "wrapKey", {
    keyId: created.response?.key?.id ?? "",
    plaintext: Buffer.alloc(32, 7),
    additionalAuthenticatedData: [],
  });
  await firstAnswer(async () => {
    const script = await (await fetch(control)).text();
    return script.split('"struck": 1').length === 3 ? true : undefined;
  });
  emulator.send("SIGKILL");

  expect(await unsafe).toMatchObject({ code: "UNKNOWN", reason: "OUTCOME_UNKNOWN" });
  // The gateway retried the call, but no server listened.
  expect(await safe).toMatchObject({ code: "UNAVAILABLE", reason: "UPSTREAM_UNREACHABLE" });
  expect(await gateway.call(gateway.keys, "createKey", newKey)).toMatchObject({
    code: "UNAVAILABLE",
    reason: "UPSTREAM_UNREACHABLE",
  });
  gateway.send("SIGTERM");
  expect(await gateway.exit).toEqual({ code: 0, signal: null });
}, 60_000);
