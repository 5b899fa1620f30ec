/** The script in a real Redis: it agrees with its model, and its grants never exceed the quota. */
import { setTimeout } from "node:timers/promises";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/platform/clock.ts";
import {
  type LeaseRequest,
  leaseMs,
  parseLease,
  toLeaseArgs,
} from "../../src/quota-share/lease.ts";
import { leaseScript, leaveScript } from "../../src/quota-share/lease-script.ts";
import { connectRedis } from "../../src/redis/connect-redis.ts";
import type { RedisCommands } from "../../src/redis/redis-commands.ts";
import { eventually } from "../support/eventually.ts";
import { asking, createModelGroup, lend } from "../support/lease-model.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { createLogSink } from "./share-group.ts";

let server: RedisServer;
let redis: RedisCommands;
beforeAll(async () => {
  server = await startRedisServer();
  const { logger } = createLogSink();
  redis = connectRedis(
    { url: server.url, keyPrefix: "" },
    { logger, clock: systemClock, random: Math.random },
  );
  await eventually(() => redis.isReady);
});
afterAll(async () => {
  await redis.close();
  await server[Symbol.asyncDispose]();
});

let groups = 0;
const newKey = (): string => `kp:{group-${groups++}}:quota`;
const setFields = {
  source: `if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], unpack(ARGV)) end`,
};

async function ask(
  key: string,
  request: LeaseRequest,
  lastingMs: number,
): Promise<{ lease: ReturnType<typeof parseLease>; now: number }> {
  const args = toLeaseArgs(request).with(7, lastingMs);
  const reply = await redis.eval(leaseScript, [key], args);
  const now: unknown = Array.isArray(reply) ? reply[5] : undefined;
  return { lease: parseLease(reply), now: Number(now) };
}

const rate = fc.oneof(fc.constant(0), fc.double({ min: 0.1, max: 500, noNaN: true }));
const known = fc.option(fc.double({ min: 1, max: 400, noNaN: true }), { nil: undefined });
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("ask" as const),
      member: fc.integer({ min: 0, max: 4 }),
      wants: rate,
      accepted: rate,
      throttled: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 60 })),
      isRefused: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("leave" as const),
      member: fc.integer({ min: 0, max: 4 }),
    }),
  },
  // The next probe and the next decrease are due, and the group is no longer young.
  { weight: 2, arbitrary: fc.constant({ kind: "wait" as const }) },
);

test("the lease script agrees with its model and never grants more than the quota in total", async () => {
  await fc.assert(
    fc.asyncProperty(
      known,
      known,
      fc.boolean(),
      fc.array(step, { minLength: 5, maxLength: 40 }),
      async (ceilingPerSecond, seedPerSecond, isSearching, plan) => {
        const key = newKey();
        const group = createModelGroup();
        const held = new Map<string, number>();
        for (const each of plan) {
          if (each.kind === "wait") {
            Object.assign(group, {
              dueAt: 0,
              decreaseFrom: 0,
              severeFrom: 0,
              bornAt: group.bornAt && 0,
            });
            await redis.eval(
              setFields,
              [key],
              ["due", 0, "cutFrom", 0, "severeFrom", 0, "born", 0],
            );
            continue;
          }
          const memberId = `m${each.member}`;
          if (each.kind === "leave") {
            await redis.eval(leaveScript, [key], [memberId]);
            group.members.delete(memberId);
            held.delete(memberId);
            continue;
          }
          const request: LeaseRequest = {
            memberId,
            wantsPerSecond: each.wants,
            hasPerSecond: held.get(memberId) ?? 10,
            acceptedPerSecond: each.accepted,
            ceilingPerSecond,
            seedPerSecond,
            isSearching,
            throttledPerSecond: each.throttled,
            refusedEpoch: each.isRefused ? group.epoch : undefined,
            longestHoldMs: 300_000,
          };
          const before = group.members.size;
          const { lease, now } = await ask(key, request, 60_000);
          const model = lend(group, request, now, 60_000);
          if (lease === undefined) throw new Error("no lease");
          expect(lease.ratePerSecond).toBeCloseTo(model.rate, 6);
          expect(lease.sharePerSecond).toBeCloseTo(model.share, 6);
          expect(lease.quotaPerSecond).toBeCloseTo(model.quota, 6);
          expect(lease).toMatchObject({ members: model.members, epoch: model.epoch });
          expect(lease.members).toBeLessThanOrEqual(before + 1);
          // Without a known quota a member counts with what it uses.
          const isBounded = lease.quotaPerSecond < Number.POSITIVE_INFINITY;
          held.set(memberId, isBounded ? lease.ratePerSecond : each.accepted);
          // The grant and what the others hold are at most the quota, apart from the minimum that
          // every member gets.
          const all = [...held.values()].reduce((total, value) => total + value, 0);
          const others = all - lease.ratePerSecond;
          const least = Math.min(0.5, lease.quotaPerSecond / (20 * lease.members));
          if (isBounded) {
            expect(all).toBeLessThanOrEqual(Math.max(lease.quotaPerSecond, others) + least + 1e-6);
          }
        }
      },
    ),
    { numRuns: 120 },
  );
}, 60_000);

test("the lease script forgets a member whose lease has ended", async () => {
  const key = newKey();
  await ask(key, asking("gone", 500), 50);
  await ask(key, asking("here", 500), 50);
  expect(Number(server.cli("HEXISTS", key, "m:gone"))).toBe(1);
  await eventually(async () => (await ask(key, asking("here", 500), 50)).lease?.members === 1);
  expect(Number(server.cli("HEXISTS", key, "m:gone"))).toBe(0);
  const { lease } = await ask(key, asking("here", 500), 50);
  expect(lease?.ratePerSecond).toBeCloseTo(98.5, 6);
});

test("the lease script grants no member of a group without leases more than it has", async () => {
  const key = newKey();
  const names = ["a", "b", "c", "d"];
  for (const name of names) await ask(key, { ...asking(name, 30), hasPerSecond: 20 }, 50);
  await redis.eval(setFields, [key], ["born", 0]);
  await setTimeout(100);
  // After Redis was away, all members still send what they had.
  for (const name of names) {
    const { lease } = await ask(key, { ...asking(name, 30), hasPerSecond: 20 }, leaseMs);
    expect(lease?.ratePerSecond).toBeCloseTo(20, 6);
  }
});

test("the lease script keeps a group for ten minutes after its last renewal", async () => {
  const key = newKey();
  await ask(key, asking("a", 1), leaseMs);
  const left = Number(server.cli("PTTL", key));
  expect(left).toBeGreaterThan(500_000);
  expect(left).toBeLessThanOrEqual(600_000);
});

test("the lease script limits a group to 256 members", async () => {
  const key = newKey();
  for (let at = 0; at < 256; at += 1) await ask(key, asking(`m${at}`, 1), 60_000);
  await expect(ask(key, asking("one-more", 1), 60_000)).rejects.toMatchObject({ code: "FAILED" });
  expect((await ask(key, asking("m0", 1), 60_000)).lease?.members).toBe(256);
});

test.each(["nan", "-nan", "inf", "-1", "0", "1e12", "1e308", "0x10", "junk", "9".repeat(400), ""])(
  "the lease script never grants more than the quota after every field was overwritten with %j",
  async (junk) => {
    const key = newKey();
    await ask(key, asking("a", 500), leaseMs);
    const names = [
      "born",
      "epoch",
      "cutFrom",
      "severeFrom",
      "quota",
      "safe",
      "step",
      "hold",
      "due",
    ];
    const { now } = await ask(key, asking("a", 500), leaseMs);
    for (const name of names) await redis.eval(setFields, [key], [name, junk]);
    await redis.eval(setFields, [key], ["m:x", junk, "m:y", `${now + 2_000} ${junk} 1 1 1`]);
    await redis.eval(setFields, [key], ["m:z", `${now + 2_000} 1 ${junk} ${junk} ${junk}`]);
    for (const refusedEpoch of [undefined, 0]) {
      const { lease } = await ask(key, { ...asking("a", 500), refusedEpoch }, leaseMs);
      expect(lease?.ratePerSecond).toBeLessThanOrEqual(98.5);
      expect(lease?.quotaPerSecond).toBeLessThanOrEqual(100);
      expect(await ask(key, asking("b", 500), leaseMs)).toHaveProperty("lease.epoch");
    }
    await redis.eval(setFields, [key], ["quota", junk, "safe", junk]);
    const unlimited = { ...asking("a", 500), ceilingPerSecond: undefined };
    expect((await ask(key, unlimited, leaseMs)).lease?.ratePerSecond).toBeGreaterThan(0);
  },
);

test("the lease script ignores entries from a clock that was ahead", async () => {
  const key = newKey();
  const { now } = await ask(key, asking("a", 500), leaseMs);
  const future = now + 3_600_000;
  const entry = `${future} 500 90 90 0`;
  const fields = [
    "m:ghost",
    entry,
    "born",
    future,
    "cutFrom",
    future,
    "severeFrom",
    future,
    "due",
    future,
  ];
  await redis.eval(setFields, [key], fields);
  const { lease } = await ask(key, asking("a", 500), leaseMs);
  expect(lease?.members).toBe(1);
  expect(Number(server.cli("HEXISTS", key, "m:ghost"))).toBe(0);
  expect(Number(server.cli("HGET", key, "born"))).toBeLessThanOrEqual(now + 60_000);
});
