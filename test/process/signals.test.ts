/** Reactions of the process to signals and to settings of Node that disclose secrets. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { firstAnswer } from "../support/first-answer.ts";
import { startEmulator } from "../support/start-emulator.ts";
import { buildGateway, type BuiltGateway } from "./built-gateway.ts";
import { startNode } from "./child-process.ts";
import { gatewayEnv } from "./gateway-env.ts";
import { newKey, serveGateway } from "./serving.ts";

let built: BuiltGateway;
beforeAll(async () => {
  built = await buildGateway();
}, 120_000);
afterAll(() => built[Symbol.asyncDispose]());

test("SIGUSR1 and SIGUSR2 do nothing, SIGHUP does not end the process, and SIGQUIT drains", async () => {
  await using emulator = await startEmulator();
  await using gateway = await serveGateway(built.main, await gatewayEnv(emulator));
  for (const signal of ["SIGUSR1", "SIGUSR2", "SIGHUP"] as const) gateway.send(signal);
  await sleep(500);
  expect(await gateway.call(gateway.keys, "createKey", newKey)).toMatchObject({ code: "OK" });
  expect(gateway.stderr()).toBe("");
  gateway.send("SIGQUIT");
  expect(await gateway.exit).toEqual({ code: 0, signal: null });
}, 30_000);

test.each([
  ["--inspect", { NODE_OPTIONS: "--inspect=127.0.0.1:0" }, "inspector"],
  ["NODE_DEBUG", { NODE_DEBUG: "http2" }, "NODE_DEBUG"],
  ["diagnostic reports", { NODE_OPTIONS: "--report-on-signal" }, "reports"],
])("a start with %s warns on standard error", async (_, env, text) => {
  await using gateway = startNode([built.main, "--help"], env);
  await gateway.exit;
  expect(gateway.stderr()).toMatch(new RegExp(`^WARNING: .*${text}`, "m"));
});

test("SIGQUIT lets a CreateKey in flight end with its own answer", async () => {
  await using emulator = await startEmulator();
  await using gateway = await serveGateway(built.main, await gatewayEnv(emulator));
  emulator.faults.add({ match: { service: "keyprotect", method: "POST" }, delayMs: 500 });
  const answer = gateway.call(gateway.keys, "createKey", newKey);
  await firstAnswer(() => emulator.requests.list({ service: "keyprotect" })[0]);
  gateway.send("SIGQUIT");
  expect(await answer).toMatchObject({ code: "OK" });
  expect(await gateway.exit).toEqual({ code: 0, signal: null });
}, 30_000);
