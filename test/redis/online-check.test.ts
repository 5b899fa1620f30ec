/** The online check of a real Redis. */
import { expect, test } from "vitest";
import { loadConfig } from "../../src/config/load-config.ts";
import { checkOnline } from "../../src/gateway/online-check/check-online.ts";
import { formatReport, type Step } from "../../src/gateway/online-check/report.ts";
import { type RedisServerOptions, startRedisServer } from "../support/redis-server.ts";

const rights = "+eval +evalsha +hget +hmget +hgetall +hset +hdel +del +pexpire +time";

/** The steps about a Redis with these options, and the text of the report. */
async function check(options: RedisServerOptions, password: string) {
  await using server = await startRedisServer(options);
  const config = loadConfig({
    env: {
      KP_SERVICE_URL: "http://127.0.0.1:9",
      KP_INSTANCE_ID: "e0a1b2c3-0000-4000-8000-000000000001",
      GATEWAY_CREDENTIALS: "caller",
      GATEWAY_REQUEST_ID_STORE: "redis",
      GATEWAY_REDIS_URL: server.url,
      GATEWAY_REDIS_USERNAME: "gateway",
      GATEWAY_REDIS_PASSWORD: password,
      GATEWAY_REDIS_CA_FILE: options.tls === true ? "ca" : undefined,
    },
    readFile: () => server.ca,
  });
  const sections = await checkOnline(config);
  const steps = sections.find(({ title }) => title.startsWith("Redis"))?.steps ?? [];
  return { steps, report: formatReport(sections) };
}

const failures = (steps: readonly Step[]): string[] =>
  steps.flatMap((step) => (step.outcome === "failed" ? [`${step.name}: ${step.remedy}`] : []));

const user = (password: string, more: string): string =>
  `user gateway on >${password} ~kpgw:* &* ${rights} ${more}`;

test("a Redis as the documents want it has no failed step, and its password is not shown", async () => {
  const acl = ["user default off", user("a-redis-password", "+info")];
  const { steps, report } = await check({ appendOnly: true, acl }, "a-redis-password");
  expect(steps.map(({ name, outcome }) => `${name}: ${outcome}`)).toEqual([
    "connection and user: ok",
    "right to run scripts: ok",
    "version: ok",
    "append-only file: ok",
    "eviction: ok",
  ]);
  expect(report).not.toContain("a-redis-password");
});

test("a wrong password is said", async () => {
  const acl = ["user default off", user("a-redis-password", "+info")];
  const { steps, report } = await check({ acl }, "another-password");
  expect(failures(steps)[0]).toMatch(/^connection and user: check GATEWAY_REDIS_USERNAME/);
  expect(report).not.toContain("another-password");
});

test("a Redis that loses and evicts records is said", async () => {
  const config = ["maxmemory 100mb", "maxmemory-policy allkeys-lru"];
  const acl = ["user default off", user("a-redis-password", "+info")];
  const { steps } = await check({ acl, config }, "a-redis-password");
  expect(failures(steps)).toEqual([
    "append-only file: set `appendonly yes`",
    "eviction: set `maxmemory-policy noeviction`",
  ]);
});

test("a user without INFO leaves steps out and fails none", async () => {
  const acl = ["user default off", user("a-redis-password", "")];
  const { steps } = await check({ appendOnly: true, acl }, "a-redis-password");
  expect(steps.map(({ outcome }) => outcome)).toEqual([
    "ok",
    "ok",
    "skipped",
    "skipped",
    "skipped",
  ]);
});
