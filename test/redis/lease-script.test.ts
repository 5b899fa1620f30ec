/** The script in a real Redis: it agrees with its model, and its grants never exceed the quota. */
import { setTimeout } from "node:timers/promises";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/platform/clock.ts";
import {
  leaseConstants,
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

const endLease = {
  source: `local value = redis.call('HGET', KEYS[1], ARGV[1])
if value then redis.call('HSET', KEYS[1], ARGV[1], (string.gsub(value, '^%S+', ARGV[2]))) end`,
};

const getAll = { source: "return redis.call('HGETALL', KEYS[1])" };
/** The rates that the group counts for its members. */
async function storedRates(key: string): Promise<ReadonlyMap<string, number>> {
  const fields = await redis.eval(getAll, [key], []);
  if (!Array.isArray(fields)) throw new Error("not a hash");
  const words: readonly string[] = fields.map(String);
  return new Map(
    words.flatMap((name, at) => {
      if (at % 2 !== 0 || !name.startsWith("m:")) return [];
      return [[name.slice(2), Number(words[at + 1]?.split(" ")[2])] as const];
    }),
  );
}

async function ask(
  key: string,
  request: LeaseRequest,
  lastingMs: number,
): Promise<{ lease: ReturnType<typeof parseLease>; now: number }> {
  const args = toLeaseArgs(request).with(7, lastingMs);
  const lease = parseLease(await redis.eval(leaseScript, [key], args));
  return { lease, now: lease?.timeMs ?? Number.NaN };
}

const rate = fc.oneof(fc.constant(0), fc.double({ min: 0.1, max: 500, noNaN: true }));
const known = fc.option(fc.double({ min: 1, max: 400, noNaN: true }), { nil: undefined });
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("ask" as const),
      member: fc.integer({ min: 0, max: 4 }),
      needs: rate,
      wants: rate,
      // Different members may be configured differently.
      ceilingPerSecond: known,
      replicas: fc.integer({ min: 1, max: 7 }),
      // How long ago it heard a reply; it may never have.
      quietMs: fc.oneof(known, fc.constantFrom(0, 1_000, 100_000)),
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
  // The lease of a member ends.
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("end" as const),
      member: fc.integer({ min: 0, max: 4 }),
    }),
  },
);

test("the lease script agrees with its model and never grants more than the quota in total", async () => {
  await fc.assert(
    fc.asyncProperty(
      known,
      known,
      fc.boolean(),
      fc.array(step, { minLength: 5, maxLength: 40 }),
      async (usualCeiling, seedPerSecond, isSearching, plan) => {
        const key = newKey();
        let latest = 0;
        let sequence = 0;
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
          if (each.kind === "end") {
            const member = group.members.get(memberId);
            if (member !== undefined) group.members.set(memberId, { ...member, expiresAt: latest });
            await redis.eval(endLease, [key], [`m:${memberId}`, latest]);
            held.delete(memberId);
            continue;
          }
          const heardAt =
            each.quietMs === undefined ? undefined : Math.floor(latest - each.quietMs);
          const request: LeaseRequest = {
            memberId,
            needsPerSecond: each.needs,
            wantsPerSecond: each.wants,
            hasPerSecond: held.get(memberId) ?? 10,
            acceptedPerSecond: each.accepted,
            ceilingPerSecond: each.ceilingPerSecond ?? usualCeiling,
            seedPerSecond,
            isSearching,
            throttledPerSecond: each.throttled,
            refusedEpoch: each.isRefused ? group.epoch : undefined,
            longestHoldMs: 300_000,
            replicas: each.replicas,
            heardAt: heardAt !== undefined && heardAt > 0 ? heardAt : undefined,
            ageMs: 500,
            sequence: (sequence += 1),
          };
          const before = group.members.size;
          const { lease, now } = await ask(key, request, leaseMs);
          latest = now;
          const model = lend(group, request, now, leaseMs);
          if (lease === undefined) throw new Error("no lease");
          expect(lease.ratePerSecond).toBeCloseTo(model.rate, 6);
          expect(lease.sharePerSecond).toBeCloseTo(model.share, 6);
          expect(lease.quotaPerSecond).toBeCloseTo(model.quota, 6);
          expect(lease.lentPerSecond).toBeCloseTo(model.lent, 6);
          const { members, epoch, size, ceiling, window, sliceWindow } = model;
          expect(lease).toMatchObject({ members, epoch, size, ceilingPerSecond: ceiling });
          expect(lease).toMatchObject({ window, sliceWindow });
          const stored = await storedRates(key);
          expect([...stored.keys()].toSorted()).toEqual([...group.members.keys()].toSorted());
          for (const [id, { has }] of group.members) expect(stored.get(id)).toBeCloseTo(has, 6);
          expect(lease.members).toBeLessThanOrEqual(before + 1);
          // Without a known quota a member counts with what it uses.
          const isBounded = lease.quotaPerSecond < Number.POSITIVE_INFINITY;
          held.set(memberId, isBounded ? lease.ratePerSecond : each.accepted);
          // The grant and what the others hold are at most the quota, apart from the minimum that
          // every member gets.
          const all = [...held.values()].reduce((total, value) => total + value, 0);
          const others = all - (held.get(memberId) ?? 0);
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
  await ask(key, { ...asking("gone", 500), heardAt: 1 }, 50);
  await ask(key, asking("here", 500), 50);
  expect(Number(server.cli("HEXISTS", key, "m:gone"))).toBe(1);
  await eventually(async () => (await ask(key, asking("here", 500), 50)).lease?.members === 1);
  expect(Number(server.cli("HEXISTS", key, "m:gone"))).toBe(0);
  const { lease } = await ask(key, asking("here", 500), 50);
  expect(lease?.ratePerSecond).toBeCloseTo(98.5, 6);
});

test("the lease script grants no member of a lost group without a ceiling more than it has", async () => {
  const key = newKey();
  const names = ["a", "b", "c", "d"];
  let heardAt: number | undefined;
  const having = (name: string): LeaseRequest => ({
    ...asking(name, 30),
    hasPerSecond: 20,
    ceilingPerSecond: undefined,
    seedPerSecond: 100,
    heardAt,
  });
  for (const name of names) heardAt = (await ask(key, having(name), 50)).now;
  await redis.eval(setFields, [key], ["born", 0]);
  await setTimeout(100);
  // After Redis was away, all members still send what they had.
  for (const name of names) {
    const { lease } = await ask(key, having(name), leaseMs);
    expect(lease?.ratePerSecond).toBeCloseTo(20, 6);
  }
});

/** The request of one of four members. */
const ofFour = (name: string, more: Partial<LeaseRequest> = {}): LeaseRequest => ({
  ...asking(name, 500),
  replicas: 4,
  hasPerSecond: 0,
  ...more,
});

test("the lease script keeps an equal part for each replica that it does not hear", async () => {
  const key = newKey();
  const first = await ask(key, ofFour("a"), leaseMs);
  expect(first.lease).toMatchObject({ members: 1, size: 4, lentPerSecond: 24.625 });
  expect(first.lease?.ratePerSecond).toBeCloseTo(24.625, 9);
  await ask(key, ofFour("b"), leaseMs);
  await ask(key, ofFour("c"), leaseMs);
  const last = await ask(key, ofFour("d"), leaseMs);
  expect(last.lease?.ratePerSecond).toBeCloseTo(24.625, 9);
  const held = await ask(key, ofFour("a", { hasPerSecond: 24.625 }), leaseMs);
  expect(held.lease?.lentPerSecond).toBeGreaterThan(98);
});

test("the lease script keeps what a member had that has just fallen silent, and later an equal part", async () => {
  const key = newKey();
  const names = ["a", "b", "c", "d"];
  const little = { needsPerSecond: 5, wantsPerSecond: 5, hasPerSecond: 5 };
  for (const name of names) await ask(key, ofFour(name, little), leaseMs);
  const { now } = await ask(key, ofFour("d", little), leaseMs);
  const end = (heardAt: number) =>
    redis.eval(setFields, [key], ["m:d", `${now - 1} 5 5 5 0 5 100 4 ${heardAt} 99999`]);
  for (const name of names.slice(0, 3))
    await ask(key, ofFour(name, { hasPerSecond: 20, heardAt: now }), leaseMs);
  await redis.eval(setFields, [key], ["joined", 0, "born", 0]);
  await end(now - 3_000);
  const soon = await ask(key, ofFour("a", { hasPerSecond: 20, heardAt: now }), leaseMs);
  expect(soon.lease?.lentPerSecond).toBeCloseTo(98.5 - 5, 6);
  await end(now - 8_000);
  const later = await ask(key, ofFour("a", { hasPerSecond: 20, heardAt: now }), leaseMs);
  expect(later.lease?.lentPerSecond).toBeCloseTo(98.5 - 24.625, 6);
});

test("the lease script counts a lower lease only once the member says that it has it", async () => {
  const key = newKey();
  const heard = { heardAt: 1_000, replicas: 2 };
  await ask(key, { ...asking("a", 500), ...heard, hasPerSecond: 90 }, leaseMs);
  await redis.eval(setFields, [key], ["born", 0]);
  const b = { ...asking("b", 500), ...heard, hasPerSecond: 0 };
  expect((await ask(key, b, leaseMs)).lease?.ratePerSecond).toBeLessThan(10);
  const asked = { ...asking("a", 500), ...heard, hasPerSecond: 90 };
  const { lease, now } = await ask(key, asked, leaseMs);
  expect(lease?.ratePerSecond).toBeCloseTo(49.25, 0);
  expect((await storedRates(key)).get("a")).toBe(90);
  const confirmed = { ...asking("a", 500), replicas: 2, heardAt: now, hasPerSecond: 49.25 };
  await ask(key, confirmed, leaseMs);
  expect((await storedRates(key)).get("a")).toBeCloseTo(49.25, 1);
});

test("the lease script counts an equal part for a member that does not hear the replies", async () => {
  const key = newKey();
  const { now } = await ask(key, { ...asking("a", 0), replicas: 2, hasPerSecond: 1 }, leaseMs);
  const deaf = { ...asking("b", 0), replicas: 2, hasPerSecond: 1, heardAt: now - 8_000 };
  await ask(key, deaf, leaseMs);
  expect((await storedRates(key)).get("b")).toBeCloseTo(49.25, 6);
});

test("the lease script refuses a request that a later one of the same member has overtaken", async () => {
  const key = newKey();
  const early = asking("a", 500);
  await ask(key, asking("a", 5), leaseMs);
  const before = await storedRates(key);
  await expect(ask(key, early, leaseMs)).rejects.toMatchObject({ code: "FAILED" });
  expect(await storedRates(key)).toEqual(before);
});

/** The request of one of three members that has heard the group before. */
const ofThree = (name: string, ceiling: number | undefined, has: number): LeaseRequest => ({
  ...asking(name, 500),
  replicas: 3,
  ceilingPerSecond: ceiling,
  hasPerSecond: has,
  heardAt: 1_000,
});

test("the lease script divides the lowest ceiling of the members into equal parts", async () => {
  const key = newKey();
  const rates = new Map<string, number>([
    ["a", 60],
    ["b", 60],
    ["c", 30],
  ]);
  const ceilings = { a: 200, b: undefined, c: 100 };
  for (let round = 0; round < 4; round += 1) {
    for (const [name, ceiling] of Object.entries(ceilings)) {
      const { lease } = await ask(key, ofThree(name, ceiling, rates.get(name) ?? 0), leaseMs);
      rates.set(name, lease?.ratePerSecond ?? Number.NaN);
      if (round === 0) await redis.eval(setFields, [key], ["born", 0]);
      else expect(lease).toMatchObject({ ceilingPerSecond: 100, quotaPerSecond: 100 });
    }
  }
  for (const perSecond of rates.values()) expect(perSecond).toBeCloseTo(98.5 / 3, 3);
  // The last one with a low ceiling leaves, and the higher one holds at once.
  await redis.eval(leaveScript, [key], ["c"]);
  expect((await ask(key, ofThree("a", 200, 32), leaseMs)).lease?.quotaPerSecond).toBe(200);
});

/**
 * Replies to members that have told their needs and hold what they were granted. All are of one
 * turn: when the places change, the members hear of it one after the other.
 */
async function settle(
  needs: readonly number[],
): Promise<readonly NonNullable<ReturnType<typeof parseLease>>[]> {
  const key = newKey();
  const leases: NonNullable<ReturnType<typeof parseLease>>[] = [];
  let heardAt: number | undefined;
  const turns = (): number =>
    new Set(leases.map(({ timeMs }) => Math.floor(timeMs / leaseConstants.turnMs))).size;
  for (let round = 0; round < 4 || turns() > 1; round += 1) {
    for (const [at, need] of needs.entries()) {
      const request: LeaseRequest = {
        ...asking(`m${String(at).padStart(2, "0")}`, need),
        replicas: needs.length,
        hasPerSecond: leases[at]?.ratePerSecond ?? 0,
        heardAt,
      };
      const { lease, now } = await ask(key, request, leaseMs);
      if (lease === undefined) throw new Error("no lease");
      leases[at] = lease;
      heardAt = now;
    }
    await redis.eval(setFields, [key], ["born", 0]);
  }
  return leases;
}
const sumOf = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0);

test.each([12, 13, 16, 18, 19])(
  "the lease script gives %d members in need equal rates, and windows of 103 percent of the quota together at most",
  async (count) => {
    const leases = await settle(Array.from({ length: count }, () => 500));
    for (const { ratePerSecond } of leases) expect(ratePerSecond).toBeCloseTo(98.5 / count, 6);
    const windows = leases.map(({ window }) => window);
    expect(sumOf(windows)).toBeGreaterThanOrEqual(100);
    expect(sumOf(windows)).toBeLessThanOrEqual(103);
    expect(Math.max(...windows) - Math.min(...windows)).toBeLessThanOrEqual(1);
    const slices = leases.map(({ sliceWindow }) => sliceWindow);
    expect(sumOf(slices)).toBeGreaterThanOrEqual(100);
    expect(sumOf(slices)).toBeLessThanOrEqual(103);
  },
);

test("the lease script gives members whole requests that get what they need, and the rest to those that lack", async () => {
  const needs = [500, 2.1, 2.9, 0.4, 10.05, 500];
  const leases = await settle(needs);
  const parts = leases.map(({ ratePerSecond }) => ratePerSecond / 0.985);
  for (const [at, whole] of [
    [1, 2],
    [2, 3],
    [4, 10],
  ] as const) {
    expect(parts[at]).toBeCloseTo(whole, 6);
    expect(leases[at]?.window).toBe(whole);
  }
  expect(parts[3]).toBeCloseTo(0.4 / 0.985, 6);
  expect(parts[0]).toBeCloseTo(parts[5] ?? 0, 6);
  expect(sumOf(parts)).toBeCloseTo(100, 6);
});

test("the lease script keeps a group for ten minutes after its last renewal", async () => {
  const key = newKey();
  await ask(key, asking("a", 1), leaseMs);
  const left = Number(server.cli("PTTL", key));
  expect(left).toBeGreaterThan(500_000);
  expect(left).toBeLessThanOrEqual(600_000);
});

const ofThousand = (name: string): LeaseRequest => ({ ...asking(name, 500), replicas: 1_000 });

test("the lease script hears 256 members, and keeps equal parts for the replicas beyond them", async () => {
  const key = newKey();
  for (let at = 0; at < 256; at += 1) await ask(key, ofThousand(`m${at}`), 60_000);
  await expect(ask(key, ofThousand("one-more"), 60_000)).rejects.toMatchObject({ code: "FAILED" });
  const { lease } = await ask(key, ofThousand("m0"), 60_000);
  expect(lease).toMatchObject({ members: 256, size: 1_000 });
  // The refused one sends an equal part of its own.
  expect(lease?.lentPerSecond).toBeCloseTo(0.256 * 98.5, 6);
});

test.each(["nan", "-nan", "inf", "-1", "0", "1e12", "1e308", "0x10", "junk", "9".repeat(400), ""])(
  "the lease script never grants more than the quota after every field was overwritten with %j",
  async (junk) => {
    const key = newKey();
    await ask(key, asking("a", 500), leaseMs);
    const names = [
      "born",
      "joined",
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
    const junks = Array.from({ length: 9 }, () => junk).join(" ");
    await redis.eval(setFields, [key], ["m:x", junk, "m:y", `${now + 2_000} ${junks}`]);
    await redis.eval(setFields, [key], ["m:z", `${now + 2_000} 1 1 1 1 1 ${junk} 1 ${junk} 1`]);
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
  const entry = `${future} 500 90 90 0 90 100 2 ${now} 7`;
  const fields = [
    "m:ghost",
    entry,
    "born",
    future,
    "joined",
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
