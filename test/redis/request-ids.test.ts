/** The guarantee of request IDs over a real Redis that stalls, and gateways that are killed. */
import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { buildGateway } from "../process/built-gateway.ts";
import { gatewayEnv } from "../process/gateway-env.ts";
import { serveGateway } from "../process/serving.ts";
import { eventually } from "../support/eventually.ts";
import { startRedisProxy } from "../support/redis-proxy.ts";
import { startRedisServer } from "../support/redis-server.ts";
import type { TestGateway, TestGatewayOptions } from "../support/start-gateway.ts";
import { asked, executed, startKeepingIds, withId } from "../support/request-ids.ts";

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** Starts a gateway with its records in that Redis, and waits until it has created a key. */
async function startOver(url: string, options: TestGatewayOptions = {}): Promise<TestGateway> {
  const env = { GATEWAY_REQUEST_ID_STORE: "redis", GATEWAY_REDIS_URL: url };
  const gateway = await startKeepingIds({ ...options, env });
  const create = (): ReturnType<typeof asking> => asking(gateway, randomUUID());
  await eventually(async () => (await create()) === "OK");
  return gateway;
}

/** Creates a key under a request ID. Returns the outcome in words. */
async function asking(gateway: TestGateway, id: string): Promise<string> {
  const { keys } = gateway.clients;
  const { error, response } = await gateway.outcome(keys, "createKey", withId(id));
  if (error !== null) return error.details;
  return response?.replayed === true ? "replayed" : "OK";
}

const isAway = (outcome: string): boolean =>
  outcome === "the store of request IDs does not answer; nothing was sent to Key Protect";

/** Repeats a creation as long as the store is unavailable. */
async function repeating(gateway: TestGateway, id: string): Promise<string> {
  for (;;) {
    const outcome = await asking(gateway, id);
    if (!isAway(outcome)) return outcome;
    await pause(100);
  }
}

test("every request ID that a stall of Redis rejected makes its one key when it is repeated", async () => {
  await using redis = await startRedisServer();
  await using gateway = await startOver(redis.url);
  const before = executed(gateway, "createKey");
  const ids = Array.from({ length: 80 }, () => randomUUID());
  const first = ids.map(async (id, at) => {
    await pause(at * 50);
    if (at === 5) redis.suspend();
    if (at === 65) redis.resume();
    return asking(gateway, id);
  });
  const rejected = (await Promise.all(first)).filter(isAway);
  expect(rejected.length).toBeGreaterThan(30);
  const outcomes = await Promise.all(ids.map((id) => repeating(gateway, id)));
  expect(outcomes.filter((outcome) => outcome === "OK")).toHaveLength(rejected.length);
  expect(outcomes.filter((outcome) => outcome === "replayed")).toHaveLength(
    ids.length - rejected.length,
  );
  expect(executed(gateway, "createKey") - before).toBe(ids.length);
}, 60_000);

describe("over a connection that Redis does not hear, or that does not hear Redis", () => {
  test.each(["requests", "answers"] as const)(
    "a request ID that was rejected because the %s did not arrive makes one key, although they arrive later",
    async (direction) => {
      await using redis = await startRedisServer();
      await using proxy = await startRedisProxy(redis.port);
      await using gateway = await startOver(proxy.url);
      const before = executed(gateway, "createKey");
      const [early, late] = [randomUUID(), randomUUID()];
      proxy.hold(direction);
      expect(isAway(await asking(gateway, early))).toBe(true);
      expect(isAway(await asking(gateway, late))).toBe(true);
      // One repeat comes before the late bytes, over a new connection, and one after them.
      expect(await repeating(gateway, early)).toBe("OK");
      proxy.release();
      expect(await repeating(gateway, late)).toBe("OK");
      expect(await asking(gateway, early)).toBe("replayed");
      expect(await asking(gateway, late)).toBe("replayed");
      expect(executed(gateway, "createKey") - before).toBe(2);
    },
    60_000,
  );

  test.each(["requests", "answers"] as const)(
    "a key that was made while the %s did not arrive is found by a repeat",
    async (direction) => {
      await using redis = await startRedisServer();
      await using proxy = await startRedisProxy(redis.port);
      await using gateway = await startOver(proxy.url);
      const before = asked(gateway, "createKey");
      const delay = { match: { operation: "createKey" }, times: 1, delayMs: 300 };
      gateway.emulator.faults.add(delay);
      const id = randomUUID();
      const first = asking(gateway, id);
      await eventually(() => asked(gateway, "createKey") === before + 1);
      proxy.hold(direction);
      expect(await first).toBe("OK");
      expect(await repeating(gateway, id)).toBe("replayed");
      proxy.release();
      expect(await asking(gateway, id)).toBe("replayed");
      expect(asked(gateway, "createKey") - before).toBe(1);
    },
    60_000,
  );

  test("a request ID whose rejection by Key Protect was not recorded can be used again", async () => {
    await using redis = await startRedisServer();
    await using proxy = await startRedisProxy(redis.port);
    await using gateway = await startOver(proxy.url);
    const before = asked(gateway, "createKey");
    gateway.emulator.faults.add({
      match: { operation: "createKey" },
      times: 1,
      delayMs: 300,
      action: { kind: "respond", status: 409 },
    });
    const id = randomUUID();
    const first = asking(gateway, id);
    await eventually(() => asked(gateway, "createKey") === before + 1);
    proxy.hold("requests");
    expect(await first).toContain("already");
    expect(await repeating(gateway, id)).toBe("OK");
  }, 60_000);

  test("a key that a proxy's 503 with Retry-After hides is not made again, although its record comes late", async () => {
    await using redis = await startRedisServer();
    await using proxy = await startRedisProxy(redis.port);
    await using gateway = await startOver(proxy.url);
    const before = executed(gateway, "createKey");
    gateway.emulator.faults.add({
      match: { operation: "createKey" },
      times: 1,
      delayMs: 300,
      action: { kind: "rewrite", status: 503, headers: { "Retry-After": "0" } },
    });
    const id = randomUUID();
    const first = asking(gateway, id);
    await eventually(() => executed(gateway, "createKey") === before + 1);
    proxy.hold("requests");
    expect(await first).toContain("may or may not");
    for (let at = 0; at < 2; at += 1) {
      expect(await repeating(gateway, id)).toContain("may or may not have happened");
    }
    proxy.release();
    expect(await repeating(gateway, id)).toContain("may or may not have happened");
    expect(executed(gateway, "createKey") - before).toBe(1);
  }, 60_000);
});

test("request IDs that a gateway rejected during a stall of Redis are free on another one, although the first was killed before Redis went on", async () => {
  await using built = await buildGateway();
  await using redis = await startRedisServer();
  await using second = await startOver(redis.url);
  const { env, address } = await gatewayEnv(second.emulator, {
    GATEWAY_REQUEST_ID_STORE: "redis",
    GATEWAY_REDIS_URL: redis.url,
  });
  await using first = await serveGateway(built.main, { env, address });
  await eventually(
    async () => (await first.call(first.keys, "createKey", withId(randomUUID()))).code === "OK",
  );
  const before = executed(second, "createKey");
  redis.suspend();
  // The gateway replaces the connection meanwhile, with requests on it.
  const ids = Array.from({ length: 30 }, () => randomUUID());
  const rejections = await Promise.all(
    ids.map(async (id, at) => {
      await pause(at * 40);
      return first.call(first.keys, "createKey", withId(id));
    }),
  );
  expect(new Set(rejections.map(({ reason }) => reason))).toEqual(
    new Set(["REQUEST_ID_STORE_UNAVAILABLE"]),
  );
  first.send("SIGKILL");
  await first.exit;
  redis.resume();
  const outcomes = await Promise.all(ids.map((id) => repeating(second, id)));
  expect(outcomes.filter((outcome) => outcome !== "OK")).toEqual([]);
  expect(executed(second, "createKey") - before).toBe(ids.length);
}, 120_000);
