/** Redis with exactly the users of docs/operations.md, and with users that lack rights. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { executed, startKeepingIds, withId } from "../support/request-ids.ts";
import type { TestGateway } from "../support/start-gateway.ts";

const password = "a-password-nobody-may-see";

/** The lines of the ACL in the documentation. */
const documented = readFileSync(join(import.meta.dirname, "../../docs/operations.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("user "))
  .map((line) => line.replace(">PASSWORD", `>${password}`));

/** Starts a gateway that uses everything it can use Redis for, as the user `gateway`. */
const startAs = (server: RedisServer, database = ""): Promise<TestGateway> =>
  startKeepingIds({
    env: {
      GATEWAY_REQUEST_ID_STORE: "redis",
      GATEWAY_QUOTA_SHARE: "redis",
      GATEWAY_REPLICAS: "2",
      GATEWAY_RATE_CEILING: "100",
      GATEWAY_REDIS_URL: `${server.url}${database}`,
      GATEWAY_REDIS_USERNAME: "gateway",
      GATEWAY_REDIS_PASSWORD: password,
    },
  });

const has = async (gateway: TestGateway, line: string): Promise<boolean> =>
  (await gateway.metrics()).split("\n").includes(line);
const logged = (gateway: TestGateway, text: string): boolean =>
  gateway.log().some(({ msg }) => typeof msg === "string" && msg.includes(text));

/** Creates a key as soon as Redis answers. Returns whether it was made before. */
async function create(gateway: TestGateway, id: string): Promise<boolean | undefined> {
  let replayed: boolean | undefined;
  await eventually(async () => {
    const { response } = await gateway.outcome(gateway.clients.keys, "createKey", withId(id));
    replayed = response?.replayed;
    return response !== undefined;
  });
  return replayed;
}

/** Restarts Redis and waits until the gateway has looked for its marker again. */
async function restart(server: RedisServer, gateway: TestGateway): Promise<void> {
  await server.kill();
  await eventually(() => has(gateway, "keyprotect_gateway_redis_up 0"));
  await server.restart();
  const as = ["--user", "gateway", "--pass", password];
  await eventually(() => server.cli(...as, "info", "commandstats").includes("cmdstat_hmget:"));
  await eventually(() => has(gateway, "keyprotect_gateway_redis_up 1"));
}

const isLeased = 'keyprotect_gateway_quota_share{instance="default",kind="lease"} 1';

describe("with the users of docs/operations.md", () => {
  test("a gateway uses Redis for everything, and a request ID outlives a restart of Redis", async () => {
    expect(documented).toHaveLength(2);
    await using server = await startRedisServer({ acl: documented, appendOnly: true });
    await using gateway = await startAs(server);
    const id = randomUUID();
    expect(await create(gateway, id)).toBe(false);
    await eventually(() => has(gateway, isLeased));
    await restart(server, gateway);
    expect(await create(gateway, id)).toBe(true);
    expect(executed(gateway, "createKey")).toBe(1);
    await eventually(() => has(gateway, isLeased));
    for (const line of [
      'keyprotect_gateway_redis_failures_total{code="REFUSED"} 0',
      'keyprotect_gateway_redis_failures_total{code="FAILED"} 0',
      'keyprotect_gateway_request_id_losses_total{what="all"} 0',
      'keyprotect_gateway_request_id_losses_total{what="one"} 0',
      'keyprotect_gateway_request_id_risk{risk="unpersisted"} 0',
      'keyprotect_gateway_request_id_risk{risk="evicted"} 0',
    ]) {
      await eventually(() => has(gateway, line));
    }
    expect(logged(gateway, "Redis has lost")).toBe(false);
    expect(JSON.stringify(gateway.log())).not.toContain("NOPERM");
  }, 60_000);

  test("another database needs the additional right that the documentation names", async () => {
    const [first = "", second = ""] = documented;
    await using server = await startRedisServer({ acl: [first, `${second} +select`] });
    await using gateway = await startAs(server, "/3");
    expect(await create(gateway, randomUUID())).toBe(false);
  }, 60_000);
});

describe("with users that lack rights", () => {
  const [, documentedUser = ""] = documented;

  test("a user default without rights makes Redis lose its records at a restart, which the log and a metric say", async () => {
    const acl = ["user default off", documentedUser];
    await using server = await startRedisServer({ acl, appendOnly: true });
    await using gateway = await startAs(server);
    const id = randomUUID();
    expect(await create(gateway, id)).toBe(false);
    await eventually(() => logged(gateway, "Redis has no marker of request IDs"));
    await restart(server, gateway);
    const lost = 'keyprotect_gateway_request_id_losses_total{what="all"} 1';
    await eventually(() => has(gateway, lost));
    const [line] = gateway.log().filter(({ msg }) => String(msg).startsWith("Redis has lost"));
    expect(line).toMatchObject({ level: "error" });
    // The change is made twice: the gateway cannot know it, but it says that it may be so.
    expect(await create(gateway, id)).toBe(false);
  }, 60_000);

  test("records that Redis loses although its marker is older are said to be lost too", async () => {
    const admin = "user admin on >admin ~* &* +@all";
    const acl = ["user default off", documentedUser, admin];
    await using server = await startRedisServer({ acl, appendOnly: true });
    await using gateway = await startAs(server);
    expect(await create(gateway, randomUUID())).toBe(false);
    const as = ["--user", "admin", "--pass", "admin"];
    const marker = (): number => Number(server.cli(...as, "hget", "kpgw:requests", "n"));
    await eventually(() => marker() > 0);
    // A file that was rewritten is a snapshot: at a restart no rights are asked for it.
    server.cli(...as, "bgrewriteaof");
    await eventually(() => {
      const info = server.cli(...as, "info", "persistence");
      return info.includes("aof_rewrite_in_progress:0") && info.includes("aof_rewrites:1");
    });
    const before = marker();
    expect(await create(gateway, randomUUID())).toBe(false);
    await eventually(() => marker() > before);
    await restart(server, gateway);
    const lost = 'keyprotect_gateway_request_id_losses_total{what="latest"} 1';
    await eventually(() => has(gateway, lost));
    expect(logged(gateway, "Redis has lost its latest records")).toBe(true);
  }, 60_000);

  test.each([
    ["a command of the scripts", documentedUser.replace(" +hmget", "")],
    ["the scripts themselves", documentedUser.replace(" +eval +evalsha", "")],
    ["the keys", documentedUser.replace("~kpgw:*", "~other:*")],
  ])(
    "a Redis user without the right for %s is named as NOPERM in the log and counted",
    async (_, user) => {
      await using server = await startRedisServer({ acl: ["user default off", user] });
      await using gateway = await startAs(server);
      const { keys } = gateway.clients;
      await eventually(async () => {
        const failure = await gateway.failure(keys, "createKey", withId(randomUUID()));
        expect(failure.reason).toBe("REQUEST_ID_STORE_UNAVAILABLE");
        return logged(gateway, "Redis rejected the user or its command (NOPERM)");
      });
      expect(await has(gateway, 'keyprotect_gateway_redis_failures_total{code="REFUSED"} 0')).toBe(
        false,
      );
    },
    60_000,
  );

  test("a request ID whose record was half written for lack of a right can be used once the right is there", async () => {
    const admin = "user admin on >admin ~* &* +@all";
    const user = documentedUser.replace(" +pexpire", "");
    await using server = await startRedisServer({ acl: ["user default off", user, admin] });
    await using gateway = await startAs(server);
    const id = randomUUID();
    await eventually(() => has(gateway, "keyprotect_gateway_redis_up 1"));
    const failure = await gateway.failure(gateway.clients.keys, "createKey", withId(id));
    expect(failure.reason).toBe("REQUEST_ID_STORE_UNAVAILABLE");
    const as = ["--user", "admin", "--pass", "admin"];
    expect(server.cli(...as, "keys", "kpgw:request:*")).not.toBe("");
    server.cli(...as, "acl", "setuser", "gateway", "+pexpire");
    expect(await create(gateway, id)).toBe(false);
  }, 60_000);

  test("a Redis user without the right for INFO is served, and the log says what cannot be known", async () => {
    const user = documentedUser.replace(" +info", "");
    await using server = await startRedisServer({ acl: ["user default off", user] });
    await using gateway = await startAs(server);
    expect(await create(gateway, randomUUID())).toBe(false);
    await eventually(() => logged(gateway, "Redis does not tell whether it persists"));
    expect(logged(gateway, "the Redis user has no permission for INFO (NOPERM)")).toBe(true);
    expect(await gateway.metrics()).not.toContain("keyprotect_gateway_request_id_risk{");
    expect(await has(gateway, "keyprotect_gateway_redis_up 1")).toBe(true);
  }, 60_000);
});

describe("INFO", () => {
  const [first = "", second = ""] = documented;
  const acl = [first, second];

  test.each([
    ["no append-only file", false, [], "unpersisted", "Redis has no append-only file"],
    [
      "an eviction policy and a memory limit",
      true,
      ["maxmemory 100mb", "maxmemory-policy volatile-lru"],
      "evicted",
      "Redis evicts keys when its memory is full",
    ],
  ] as const)(
    "a Redis with %s is reported when request IDs are kept there",
    async (_, appendOnly, config, risk, line) => {
      await using server = await startRedisServer({ acl, appendOnly, config });
      await using gateway = await startAs(server);
      await eventually(() => logged(gateway, line));
      expect(await has(gateway, `keyprotect_gateway_request_id_risk{risk="${risk}"} 1`)).toBe(true);
      expect(gateway.log().find(({ msg }) => String(msg).startsWith(line))).toMatchObject({
        level: "error",
      });
    },
    60_000,
  );
});

test("a Redis that is gone is seen in the metrics, with the share that replaces the lease", async () => {
  await using server = await startRedisServer({ acl: documented });
  await using gateway = await startAs(server);
  await eventually(() => has(gateway, isLeased));
  expect(await has(gateway, "keyprotect_gateway_redis_up 1")).toBe(true);
  await server.kill();
  await eventually(() => has(gateway, "keyprotect_gateway_redis_up 0"));
  await eventually(() =>
    has(gateway, 'keyprotect_gateway_quota_share{instance="default",kind="slice"} 1'),
  );
  expect(await has(gateway, isLeased.replace(/1$/, "0"))).toBe(true);
}, 60_000);

test("a gateway that does not use Redis has no metric of it", async () => {
  await using gateway = await startKeepingIds();
  const metrics = await gateway.metrics();
  expect(metrics).not.toMatch(/^keyprotect_gateway_(?:redis_up|quota_share|request_id_risk)\b/m);
});
