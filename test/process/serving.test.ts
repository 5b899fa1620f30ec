/** The compiled process under plain node: its start, its service and its end. */
import { allKeys } from "../support/requests.ts";
import { access, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEmulator } from "../support/start-emulator.ts";
import { buildGateway, type BuiltGateway } from "./built-gateway.ts";
import { firstAnswer } from "../support/first-answer.ts";
import { freePort } from "../support/free-port.ts";
import { gatewayEnv } from "./gateway-env.ts";
import { newKey, serveGateway } from "./serving.ts";

let built: BuiltGateway;
beforeAll(async () => {
  built = await buildGateway();
}, 120_000);
afterAll(() => built[Symbol.asyncDispose]());

interface Probe {
  readonly status: number;
  readonly body: unknown;
}

/** `undefined` while no server listens. */
async function probe(url: string): Promise<Probe | undefined> {
  try {
    const answer = await fetch(url, { headers: { connection: "close" } });
    const body: unknown = await answer.json();
    return { status: answer.status, body };
  } catch {
    return undefined;
  }
}

const probeUntil = (url: string, status: number): Promise<Probe> =>
  firstAnswer(async () => {
    const seen = await probe(url);
    return seen?.status === status ? seen : undefined;
  });

const wrapping = (keyId: string) => ({
  keyId,
  plaintext: Buffer.alloc(32, 7),
  additionalAuthenticatedData: [],
});

describe("serving", () => {
  test("the process starts from environment variables alone, and ends with 0 on SIGTERM when idle", async () => {
    await using emulator = await startEmulator();
    const settings = await gatewayEnv(emulator);
    await using gateway = await serveGateway(built.main, settings);
    const created = await gateway.call(gateway.keys, "createKey", newKey);
    const keyId = created.response?.key?.id ?? "";
    const wrapped = await gateway.call(gateway.actions, "wrapKey", wrapping(keyId));
    const unwrapped = await gateway.call(gateway.actions, "unwrapKey", {
      keyId,
      ciphertext: wrapped.response?.ciphertext ?? Buffer.alloc(0),
      additionalAuthenticatedData: [],
    });
    expect([created.code, wrapped.code, unwrapped.code]).toEqual(["OK", "OK", "OK"]);
    expect(unwrapped.response?.plaintext).toEqual(Buffer.alloc(32, 7));
    gateway.send("SIGTERM");
    expect(await gateway.exit).toEqual({ code: 0, signal: null });
    expect(gateway.stderr()).toBe("");
    expect(gateway.log().filter(({ msg }) => msg === "call")).toHaveLength(3);
    expect(gateway.stdout()).not.toContain(emulator.apiKey);
    expect(gateway.stdout()).not.toContain(Buffer.alloc(12, 7).toString("base64"));
  }, 60_000);

  test("SIGINT ends the process as SIGTERM does", async () => {
    await using emulator = await startEmulator();
    await using gateway = await serveGateway(built.main, await gatewayEnv(emulator));
    gateway.send("SIGINT");
    expect(await gateway.exit).toEqual({ code: 0, signal: null });
  }, 60_000);

  test("a Unix socket is open to owner and group, and is removed afterwards", async () => {
    const folder = await mkdtemp(join(tmpdir(), "keyprotect-socket-"));
    try {
      const path = join(folder, "gateway.sock");
      await using emulator = await startEmulator();
      const { env } = await gatewayEnv(emulator, { GATEWAY_LISTEN: `unix:${path}` });
      await using gateway = await serveGateway(built.main, { env, address: `unix:${path}` });
      expect((await stat(path)).mode & 0o777).toBe(0o660);
      const counted = await gateway.call(gateway.keys, "countKeys", allKeys);
      expect(counted).toMatchObject({ code: "OK", response: { totalSize: 0 } });
      expect(
        await firstAnswer(() => gateway.log().find(({ msg }) => msg === "call")),
      ).toMatchObject({
        caller: "unix",
      });
      gateway.send("SIGTERM");
      expect(await gateway.exit).toEqual({ code: 0, signal: null });
      await expect(access(path)).rejects.toThrow("ENOENT");
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 60_000);
});

describe("readiness", () => {
  test("a process whose key IAM refuses is not ready after 10 s either", async () => {
    await using emulator = await startEmulator();
    const settings = await gatewayEnv(emulator, { IBMCLOUD_API_KEY: "a-key-that-iam-refuses" });
    await using gateway = await serveGateway(built.main, settings);
    await new Promise((resolve) => setTimeout(resolve, 11_000));
    expect(await probe(`${settings.adminUrl}/readyz`)).toEqual({
      status: 503,
      body: { status: "not ready", reasons: ["the API key of instance default cannot be used"] },
    });
    expect((await probe(`${settings.adminUrl}/livez`))?.status).toBe(200);
    gateway.send("SIGTERM");
    expect((await gateway.exit).code).toBe(0);
  }, 60_000);

  test("the process is not ready until IAM has issued a token", async () => {
    await using emulator = await startEmulator();
    // The fault holds the token back until the test has seen that the process is not ready.
    emulator.faults.add({ match: { service: "iam" }, action: { kind: "respond", status: 503 } });
    const settings = await gatewayEnv(emulator);
    await using gateway = await serveGateway(built.main, settings);
    expect(await probeUntil(`${settings.adminUrl}/readyz`, 503)).toEqual({
      status: 503,
      body: { status: "not ready", reasons: ["no IAM token yet for instance default"] },
    });
    expect((await probe(`${settings.adminUrl}/livez`))?.status).toBe(200);
    emulator.faults.clear();
    expect(await probeUntil(`${settings.adminUrl}/readyz`, 200)).toEqual({
      status: 200,
      body: { status: "ready", reasons: [] },
    });
    gateway.send("SIGTERM");
    expect(await gateway.exit).toEqual({ code: 0, signal: null });
  }, 60_000);

  test("the process is not ready after SIGTERM, while it still serves calls", async () => {
    await using emulator = await startEmulator();
    const settings = await gatewayEnv(emulator, { GATEWAY_DRAIN_DELAY_MS: "4000" });
    await using gateway = await serveGateway(built.main, settings);
    await probeUntil(`${settings.adminUrl}/readyz`, 200);
    gateway.send("SIGTERM");
    expect(await probeUntil(`${settings.adminUrl}/readyz`, 503)).toEqual({
      status: 503,
      body: { status: "not ready", reasons: ["draining"] },
    });
    expect((await gateway.call(gateway.keys, "countKeys", allKeys)).code).toBe("OK");
    expect(await gateway.exit).toEqual({ code: 0, signal: null });
  }, 60_000);
});

describe("signals with a call in flight", () => {
  test("after SIGTERM an active call finishes, and then the process ends with 0", async () => {
    await using emulator = await startEmulator();
    const settings = await gatewayEnv(emulator);
    await using gateway = await serveGateway(built.main, settings);
    const created = await gateway.call(gateway.keys, "createKey", newKey);
    emulator.faults.add({ match: { operation: "wrapKey" }, delayMs: 2_000 });
    const wrapped = gateway.call(
      gateway.actions,
      "wrapKey",
      wrapping(created.response?.key?.id ?? ""),
    );
    await firstAnswer(() => emulator.faults.list().find(({ struck }) => struck === 1));
    gateway.send("SIGTERM");
    await gateway.until(() => gateway.log().find(({ msg }) => msg === "draining"));
    expect((await wrapped).code).toBe("OK");
    expect(await gateway.exit).toEqual({ code: 0, signal: null });
    expect(gateway.log().at(-1)).toMatchObject({ msg: "stopped" });
  }, 60_000);

  test("a call that outlasts the grace period gets a typed error, and the process still ends with 0", async () => {
    await using emulator = await startEmulator();
    const settings = await gatewayEnv(emulator, { GATEWAY_DRAIN_GRACE_MS: "100" });
    await using gateway = await serveGateway(built.main, settings);
    emulator.faults.add({ match: { operation: "createKey" }, action: { kind: "hang" } });
    const created = gateway.call(gateway.keys, "createKey", newKey);
    await firstAnswer(() => emulator.faults.list().find(({ struck }) => struck === 1));
    gateway.send("SIGTERM");
    expect(await created).toMatchObject({ code: "UNKNOWN", reason: "OUTCOME_UNKNOWN" });
    expect(await gateway.exit).toEqual({ code: 0, signal: null });
  }, 60_000);

  test("a second signal ends the process immediately with 1", async () => {
    await using emulator = await startEmulator();
    const settings = await gatewayEnv(emulator, { GATEWAY_DRAIN_GRACE_MS: "600000" });
    await using gateway = await serveGateway(built.main, settings);
    emulator.faults.add({ match: { method: "HEAD" }, action: { kind: "hang" } });
    const counted = gateway.call(gateway.keys, "countKeys", allKeys);
    await firstAnswer(() => emulator.faults.list().find(({ struck }) => struck === 1));
    gateway.send("SIGTERM");
    await gateway.until(() => gateway.log().find(({ msg }) => msg === "draining"));
    gateway.send("SIGTERM");
    expect(await gateway.exit).toEqual({ code: 1, signal: null });
    expect((await counted).code).toBe("UNAVAILABLE");
  }, 60_000);
});

test("without IAM the process serves typed errors instead of not starting", async () => {
  const settings = await gatewayEnv({
    url: `http://127.0.0.1:${await freePort()}`,
    instanceId: "e0a1b2c3-0000-4000-8000-000000000001",
    apiKey: "an-api-key-that-nobody-may-see",
  });
  await using gateway = await serveGateway(built.main, settings);
  await probeUntil(`${settings.adminUrl}/readyz`, 503);
  await probeUntil(`${settings.adminUrl}/livez`, 200);
  expect(await gateway.call(gateway.keys, "countKeys", allKeys)).toMatchObject({
    code: "UNAVAILABLE",
    reason: "IAM_UNAVAILABLE",
  });
  gateway.send("SIGTERM");
  expect(await gateway.exit).toEqual({ code: 0, signal: null });
  expect(gateway.stdout()).not.toContain("an-api-key-that-nobody-may-see");
}, 60_000);
