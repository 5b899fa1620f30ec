/**
 * Two gateway processes, and a Redis that hangs, is killed and is paused at random. Each caller
 * repeats its creation with the same request ID until it succeeds.
 */
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { buildGateway } from "../process/built-gateway.ts";
import { gatewayEnv } from "../process/gateway-env.ts";
import { serveGateway } from "../process/serving.ts";
import { startEmulator } from "../support/start-emulator.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { withId } from "../support/request-ids.ts";

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

const creations = 500;

/** Disturbs Redis in one of three ways. Afterwards it works. */
async function disturb(redis: RedisServer): Promise<void> {
  const kind = Math.floor(3 * Math.random());
  const ms = Math.floor(200 + 3_000 * Math.random());
  if (kind === 0) await redis.restart();
  else if (kind === 1) redis.cli("client", "pause", String(ms));
  else {
    redis.suspend();
    await pause(ms);
    redis.resume();
  }
}

test("whatever happens to a Redis that keeps its data, each request ID makes one key and none becomes unusable", async () => {
  await using built = await buildGateway();
  await using redis = await startRedisServer({ appendOnly: true });
  await using emulator = await startEmulator({ latencyMs: 60 });
  const start = async () => {
    const { env, address } = await gatewayEnv(emulator, {
      GATEWAY_REQUEST_ID_STORE: "redis",
      GATEWAY_REDIS_URL: redis.url,
    });
    return serveGateway(built.main, { env, address });
  };
  await using one = await start();
  await using other = await start();
  const callers = new AbortController();
  let rejections = 0;
  const disturbing = (async () => {
    while (!callers.signal.aborted) {
      await pause(200 + 1_500 * Math.random());
      await disturb(redis);
    }
  })();

  /** Creates a key with the two gateways in turn. Returns its ID. */
  async function create(at: number): Promise<string> {
    const request = withId(randomUUID());
    for (let turn = at; ; turn += 1) {
      const gateway = turn % 2 === 0 ? one : other;
      const { code, reason, response } = await gateway.call(gateway.keys, "createKey", request);
      if (response !== undefined) return response.key?.id ?? "";
      if (reason !== "REQUEST_ID_STORE_UNAVAILABLE") return `${code} ${reason}`;
      rejections += 1;
      await pause(200);
    }
  }
  const created = await Promise.all(
    Array.from({ length: creations }, async (_, at) => {
      await pause(at * 50);
      return create(at);
    }),
  );
  callers.abort();
  await disturbing;

  expect(rejections).toBeGreaterThan(100);
  expect(created.filter((id) => !/^[0-9a-f-]{36}$/.test(id))).toEqual([]);
  expect(new Set(created).size).toBe(creations);
  const requests = emulator.requests.list({ service: "keyprotect", operation: "createKey" });
  expect(requests.filter(({ isExecuted }) => isExecuted)).toHaveLength(creations);
}, 180_000);
