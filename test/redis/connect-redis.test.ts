/**
 * The connection to a real Redis server: permissions, failures, and that no password is disclosed.
 */
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/platform/clock.ts";
import { connectRedis, type RedisSettings } from "../../src/redis/connect-redis.ts";
import type { RedisCommands } from "../../src/redis/redis-commands.ts";
import { RedisError } from "../../src/redis/error.ts";
import { createCertificateAuthority } from "../support/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { startNode } from "../process/child-process.ts";
import { createLogSink } from "./share-group.ts";

const password = "a-password-nobody-may-see";
const keepIt = { source: "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])" };
const acl = [
  "user default on nopass ~* +@all",
  `user gateway on >${password} ~gateway:* +eval +evalsha +info +set +get`,
];

interface Connection extends AsyncDisposable {
  readonly redis: RedisCommands;
  readonly faults: RedisError[];
  /** All texts of errors and log lines. */
  said(): string;
}

function open(settings: RedisSettings): Connection {
  const { logger, lines } = createLogSink();
  const faults: RedisError[] = [];
  const onFault = (error: RedisError): void => void faults.push(error);
  const redis = connectRedis(settings, {
    logger,
    clock: systemClock,
    random: Math.random,
    onFault,
  });
  return {
    redis,
    faults,
    said: () => lines.join("") + inspect(faults, { depth: 10, showHidden: true }),
    [Symbol.asyncDispose]: () => redis.close(),
  };
}

test("the gateway writes into no other Redis database if the configured one does not exist", async () => {
  await using server = await startRedisServer();
  await using connection = open(settingsOf(server, { url: `${server.url}/10000` }));
  await eventually(() => connection.faults.length >= 2);
  for (const fault of connection.faults) {
    expect(fault).toMatchObject({ code: "REFUSED", reason: "SELECT" });
  }
  expect(connection.redis.isReady).toBe(false);
  await expect(connection.redis.eval(keepIt, ["it"], ["1"])).rejects.toMatchObject({
    code: "UNREACHABLE",
  });
  expect(server.cli("DBSIZE")).toBe("0");
});

const ready = ({ redis }: Connection): Promise<void> => eventually(() => redis.isReady);
const failure = async (promise: Promise<unknown>): Promise<RedisError> => {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof RedisError)) throw new Error("did not fail as it should");
  return error;
};
const settingsOf = (server: RedisServer, more: Partial<RedisSettings> = {}): RedisSettings => ({
  url: server.url,
  keyPrefix: "gateway:",
  ...more,
});

describe("a user with a password", () => {
  test("a Redis user with a password reaches the keys with the prefix and no others", async () => {
    await using server = await startRedisServer({ acl });
    const own = { username: "gateway", password: () => password };
    await using connection = open(settingsOf(server, own));
    await ready(connection);
    expect(await connection.redis.eval(keepIt, ["key"], [7])).toBe("7");
    expect(server.cli("GET", "gateway:key")).toBe("7");
    await using stranger = open(settingsOf(server, { ...own, keyPrefix: "other:" }));
    await ready(stranger);
    const error = await failure(stranger.redis.eval(keepIt, ["key"], [7]));
    expect(error).toMatchObject({ code: "REFUSED", reason: "NOPERM" });
    expect(server.cli("EXISTS", "other:key")).toBe("0");
    expect(stranger.said()).not.toContain(password);
  });

  test("a Redis user with a wrong password is rejected, and connects once it is corrected; no password is logged", async () => {
    await using server = await startRedisServer({ acl });
    const wrong = "another-password-nobody-may-see";
    let given = wrong;
    await using connection = open(
      settingsOf(server, { username: "gateway", password: () => given }),
    );
    await eventually(() => connection.faults.some(({ code }) => code === "REFUSED"));
    expect(connection.redis.isReady).toBe(false);
    given = password;
    await ready(connection);
    expect(connection.said()).toContain("WRONGPASS");
    expect(connection.said()).not.toContain(wrong);
    expect(connection.said()).not.toContain(password);
  });

  test("a Redis password that could not be read is read again for the next connection", async () => {
    await using server = await startRedisServer({
      acl: ["user default on >secret-of-all ~* +@all"],
    });
    let reads = 0;
    const read = (): string => {
      reads += 1;
      if (reads < 3) throw new Error("no such file");
      return "secret-of-all";
    };
    await using connection = open(settingsOf(server, { password: read }));
    await ready(connection);
    expect(connection.faults.map(({ reason }) => reason)).toContain("PASSWORD_UNREADABLE");
  });

  test("ioredis' debug output contains no Redis password", async () => {
    await using server = await startRedisServer({ acl });
    const program = `
      import { connectRedis } from "./src/redis/connect-redis.ts";
      import { systemClock } from "./src/platform/clock.ts";
      const logger = { info() {}, warn() {} };
      const deps = { logger, clock: systemClock, random: Math.random };
      const redis = connectRedis(
        { url: "${server.url}", username: "gateway", password: () => "${password}", keyPrefix: "gateway:" },
        deps,
      );
      while (!redis.isReady) await new Promise((resolve) => setTimeout(resolve, 10));
      await redis.eval({ source: "return ARGV[1]" }, ["k"], ["an-argument-nobody-may-see"]);
      await redis.close();
      console.log("done");
    `;
    await using child = startNode(
      ["--import", "tsx", "--input-type=module", "--eval", program],
      { DEBUG: "*" },
      process.cwd(),
    );
    const { code } = await child.exit;
    expect(child.stderr() + child.stdout()).not.toMatch(/nobody-may-see/);
    expect(child.stdout()).toContain("done");
    expect(code).toBe(0);
  });
});

/** Connects in a process of its own, and returns what it printed. */
async function printedBy(server: RedisServer, username?: string): Promise<string[]> {
  const program = `
    import { connectRedis } from "./src/redis/connect-redis.ts";
    import { systemClock } from "./src/platform/clock.ts";
    const logger = { info: console.log, warn: (...args) => console.log(args.at(-1)) };
    const deps = { logger, clock: systemClock, random: Math.random };
    const redis = connectRedis(
      { url: "${server.url}", username: ${JSON.stringify(username)}, password: () => "${password}", keyPrefix: "gateway:" },
      deps,
    );
    while (!redis.isReady) await new Promise((resolve) => setTimeout(resolve, 10));
    console.log(await redis.eval({ source: "return 'it works'" }, [], []));
    await redis.close();
  `;
  const args = ["--import", "tsx", "--input-type=module", "--eval", program];
  await using child = startNode(args, {}, process.cwd());
  await child.exit;
  expect(child.stderr()).toBe("");
  return child.stdout().trim().split("\n");
}

describe("the handshake", () => {
  test("a missing right for INFO is a line of the log, and none of ioredis on standard error", async () => {
    const lacking = acl.map((line) => line.replace(" +info", ""));
    await using server = await startRedisServer({ acl: lacking });
    expect(await printedBy(server, "gateway")).toEqual([
      "the Redis user has no permission for INFO (NOPERM)",
      "connected to Redis",
      "it works",
    ]);
  });

  test("a Redis that needs no password is a line of the log, and none of ioredis on standard error", async () => {
    await using server = await startRedisServer();
    expect(await printedBy(server)).toEqual([
      "Redis accepts its default user without a password",
      "connected to Redis",
      "it works",
    ]);
  });
});

describe("TLS", () => {
  test("the Redis client connects over TLS to a server whose certificate the given authority signed", async () => {
    await using server = await startRedisServer({ tls: true });
    await using connection = open(settingsOf(server, { ca: server.ca }));
    await ready(connection);
    expect(await connection.redis.eval(keepIt, ["key"], ["x"])).toBe("x");
  });

  test("the Redis client rejects a TLS server whose certificate another authority signed", async () => {
    await using server = await startRedisServer({ tls: true });
    await using connection = open(settingsOf(server, { ca: createCertificateAuthority().cert }));
    await eventually(() => connection.faults.length > 0);
    expect(connection.faults[0]?.code).toBe("TLS");
    expect(connection.redis.isReady).toBe(false);
  });
});

describe("failures", () => {
  test("a Redis command without a connection fails immediately and is not sent", async () => {
    await using server = await startRedisServer();
    await server.kill();
    await using connection = open(settingsOf(server));
    const error = await failure(connection.redis.eval(keepIt, ["key"], [1]));
    expect(error).toMatchObject({ code: "UNREACHABLE", sent: false });
  });

  test("a script that Redis has lost is sent again in full", async () => {
    await using server = await startRedisServer();
    await using connection = open(settingsOf(server));
    await ready(connection);
    expect(await connection.redis.eval(keepIt, ["key"], [1])).toBe("1");
    server.cli("SCRIPT", "FLUSH");
    expect(await connection.redis.eval(keepIt, ["key"], [2])).toBe("2");
    expect(connection.faults).toEqual([]);
  });

  test("the error of a Redis script contains neither its arguments nor its text", async () => {
    await using server = await startRedisServer();
    await using connection = open(settingsOf(server));
    await ready(connection);
    const source = "return redis.error_reply('SOME ' .. ARGV[1])";
    const error = await failure(connection.redis.eval({ source }, ["key"], [password]));
    expect(error.code).toBe("FAILED");
    expect(inspect(error, { showHidden: true }) + connection.said()).not.toContain(password);
  });

  test("a command to a hanging Redis fails after its time limit, and the connection is replaced", async () => {
    await using server = await startRedisServer();
    await using connection = open(settingsOf(server));
    await ready(connection);
    server.suspend();
    const error = await failure(connection.redis.eval(keepIt, ["key"], [1]));
    expect(error).toMatchObject({ code: "TIMEOUT", sent: true });
    await eventually(async () => {
      await failure(connection.redis.eval(keepIt, ["key"], [1]));
      return !connection.redis.isReady;
    });
    server.resume();
    await ready(connection);
    expect(await connection.redis.eval(keepIt, ["key"], [3])).toBe("3");
  });

  test("the gateway connects again after a restart of Redis", async () => {
    await using server = await startRedisServer();
    await using connection = open(settingsOf(server));
    await ready(connection);
    await server.kill();
    await eventually(() => !connection.redis.isReady);
    await server.restart();
    await ready(connection);
    expect(await connection.redis.eval(keepIt, ["key"], [4])).toBe("4");
  });
});

test("a Redis connection that the gateway closed does not reconnect, whatever its state was", async () => {
  await using server = await startRedisServer();
  const connected = open(settingsOf(server));
  await ready(connected);
  const connecting = open(settingsOf(server));
  await server.kill();
  const reconnecting = open(settingsOf(server));
  await eventually(() => reconnecting.faults.length > 1);
  for (const { redis } of [connected, connecting, reconnecting]) await redis.close();
  await server.restart();
  await new Promise((resolve) => {
    setTimeout(resolve, 300);
  });
  for (const { redis } of [connected, connecting, reconnecting]) {
    expect(redis.isReady).toBe(false);
    expect((await failure(redis.eval(keepIt, ["key"], [1]))).sent).toBe(false);
  }
});
