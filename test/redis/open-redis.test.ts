/** The allowed contents of Redis' password file. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/platform/clock.ts";
import { createMetrics } from "../../src/observability/metrics/metrics.ts";
import { openRedis } from "../../src/gateway/redis.ts";
import { eventually } from "../support/eventually.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { createLogSink } from "./share-group.ts";

const password = "a-password-nobody-may-see";
let server: RedisServer;
const folder = mkdtempSync(join(tmpdir(), "gateway-password-"));
beforeAll(async () => {
  server = await startRedisServer({ acl: [`user default on >${password} ~* +@all`] });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

async function open(passwordFile: string) {
  const { logger, lines } = createLogSink();
  const redis = await openRedis(
    {
      redis: {
        url: server.url,
        username: undefined,
        password: undefined,
        passwordFile,
        caFile: undefined,
        keyPrefix: "",
      },
      replicas: { count: 2, quotaShare: "redis" },
      requestIds: { store: "none", keepMs: 60_000 },
    },
    {
      metrics: createMetrics({ hasProcessMetrics: false }),
      logger,
      clock: systemClock,
      random: Math.random,
    },
  );
  if (redis === undefined) throw new Error("there is no connection");
  return { redis, said: () => lines.join("") };
}

test.each(["", "\n", "\r\n"])(
  "a Redis password is read from a file that ends in %j",
  async (end) => {
    const path = join(folder, "password");
    writeFileSync(path, password + end);
    const { redis, said } = await open(path);
    await eventually(() => redis.isReady);
    await redis.close();
    expect(said()).not.toContain(password);
  },
);

test("the Redis password is not read from a pipe or from a file above the size limit", async () => {
  const large = join(folder, "large");
  writeFileSync(large, "x".repeat(65_537));
  const pipe = join(folder, "pipe");
  expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
  for (const path of [large, pipe, folder]) {
    const { redis, said } = await open(path);
    await eventually(() => said().includes("PASSWORD_UNREADABLE"));
    expect(redis.isReady).toBe(false);
    await redis.close();
  }
});
