/** The scripts of the store in Redis, run by a real Redis. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRedisStore } from "../../src/idempotency-store/redis-store.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { connectRedis } from "../../src/redis/connect-redis.ts";
import type { RedisCommands } from "../../src/redis/redis-commands.ts";
import { eventually } from "../support/eventually.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { createLogSink } from "./share-group.ts";

const keepMs = 60_000;
const leaseMs = 30_000;
const reserveMs = 10_000;

let server: RedisServer;
let redis: RedisCommands;
beforeAll(async () => {
  server = await startRedisServer();
  const { logger } = createLogSink();
  redis = connectRedis(
    { url: server.url, keyPrefix: "kp:" },
    { logger, clock: systemClock, random: Math.random },
  );
  await eventually(() => redis.isReady);
});
afterAll(async () => {
  await redis.close();
  await server[Symbol.asyncDispose]();
});

const newStore = () => createRedisStore({ redis, keepMs });
const identityOf = (id: string, field = "orders") =>
  newStore().identify({ scope: ["default", id], fields: [field], material: undefined });
const remainingMs = (name: string): number => Number(server.cli("pttl", `kp:request:${name}`));

test("the Redis store lets one owner begin a request, and returns the key of a completed one to every store", async () => {
  const identity = await identityOf("once");
  const [one, other] = [newStore(), newStore()];
  expect(await one.begin(identity, "one", reserveMs)).toEqual({ kind: "begun" });
  expect(await one.begin(identity, "one", reserveMs)).toEqual({ kind: "begun" });
  expect(remainingMs(identity.name)).toBeLessThanOrEqual(reserveMs);
  expect(await one.confirm(identity, "one", leaseMs)).toBe(true);
  expect(await other.begin(identity, "two", leaseMs)).toEqual({ kind: "running" });
  await other.complete(identity, "two", { kind: "nothing" });
  expect(await other.begin(identity, "two", leaseMs)).toEqual({ kind: "running" });
  expect(remainingMs(identity.name)).toBeGreaterThan(keepMs);
  await one.complete(identity, "one", { kind: "done", keyId: "k" });
  expect(await other.begin(identity, "two", leaseMs)).toEqual({ kind: "done", keyId: "k" });
  expect(remainingMs(identity.name)).toBeLessThanOrEqual(keepMs);
});

test("a record in Redis has the fields and values that other versions of the gateway read", async () => {
  const identity = await identityOf("format");
  const store = newStore();
  await store.begin(identity, "one", reserveMs);
  const record = (): string[] => server.cli("hkeys", `kp:request:${identity.name}`).split("\n");
  const value = (field: string): string => server.cli("hget", `kp:request:${identity.name}`, field);
  expect(record().toSorted()).toEqual(["f", "o", "s", "u"]);
  expect([value("f"), value("s"), value("o")]).toEqual([identity.fingerprint, "running", "one"]);
  await store.confirm(identity, "one", leaseMs);
  expect(record().toSorted()).toEqual(["f", "o", "s", "u"]);
  await store.complete(identity, "one", { kind: "done", keyId: "k" });
  expect(record().toSorted()).toEqual(["f", "k", "o", "s"]);
  expect([value("s"), value("k")]).toEqual(["done", "k"]);
});

test("the Redis store reports a request with other fields under the same ID as a reuse until the ID is free", async () => {
  const [identity, other] = [await identityOf("reuse"), await identityOf("reuse", "invoices")];
  const store = newStore();
  expect(other.name).toBe(identity.name);
  await store.begin(identity, "one", leaseMs);
  expect(await store.begin(other, "two", leaseMs)).toEqual({ kind: "reused" });
  await store.complete(identity, "one", { kind: "nothing" });
  expect(await store.begin(other, "two", leaseMs)).toEqual({ kind: "begun" });
});

test("the Redis store reads a request whose lease has ended as unknown, and still completes it", async () => {
  const identity = await identityOf("lease");
  const store = newStore();
  await store.begin(identity, "one", reserveMs);
  await store.confirm(identity, "one", 0);
  expect(await store.begin(identity, "two", leaseMs)).toEqual({ kind: "unknown" });
  await store.complete(identity, "one", { kind: "done", keyId: "k" });
  expect(await store.begin(identity, "two", leaseMs)).toEqual({ kind: "done", keyId: "k" });
});

test("a reservation in Redis that its owner does not confirm in time frees the ID and cannot be confirmed", async () => {
  const identity = await identityOf("reservation");
  const store = newStore();
  await store.begin(identity, "one", 0);
  expect(await store.confirm(identity, "one", leaseMs)).toBe(false);
  expect(await store.begin(identity, "two", reserveMs)).toEqual({ kind: "begun" });
  expect(await store.confirm(identity, "one", leaseMs)).toBe(false);
  expect(await store.confirm(identity, "two", leaseMs)).toBe(true);
});

test("a reservation in Redis reads as running until it has ended, and never as unknown", async () => {
  const [one, other] = [newStore(), newStore()];
  for (let at = 0; at < 200; at += 1) {
    const identity = await identityOf(`reservation ${at}`);
    await one.begin(identity, "one", 3);
    // Redis still has a key in the millisecond in which it expires.
    const kinds = new Set<string>();
    while (!kinds.has("begun")) kinds.add((await other.begin(identity, "two", reserveMs)).kind);
    kinds.delete("running");
    expect([...kinds]).toEqual(["begun"]);
  }
});

test("the Redis store keeps an unknown outcome as unknown, and writes a lost record anew", async () => {
  const identity = await identityOf("lost");
  const store = newStore();
  await store.begin(identity, "one", leaseMs);
  server.cli("del", `kp:request:${identity.name}`);
  await store.complete(identity, "one", { kind: "unknown" });
  expect(await store.begin(identity, "two", leaseMs)).toEqual({ kind: "unknown" });
});
