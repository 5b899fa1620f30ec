/** Four members on one quota of 100 requests per second, with a real Redis and real time. */
import { afterEach, describe, expect, test } from "vitest";
import { startRedisServer } from "../support/redis-server.ts";
import { eventually } from "../support/eventually.ts";
import { startDisturbedWay } from "../support/disturbed-way.ts";
import {
  createLogSink,
  type GroupSettings,
  jainOf,
  type Member,
  startMember,
  sumOf,
  watch,
} from "./share-group.ts";

const quota = 100;
const greedy = 500;
const members: Member[] = [];
const idle = { timeout: 60_000 };

const settings = (url: string, more: Partial<GroupSettings> = {}): GroupSettings => ({
  redis: { url, keyPrefix: "gateway:" },
  ceilingPerSecond: quota,
  replicas: 4,
  ...more,
});

function join(url: string, ids: readonly string[], more: Partial<GroupSettings> = {}): void {
  for (const id of ids) members.push(startMember(id, greedy, settings(url, more)));
}
const four = ["a", "b", "c", "d"];

const kinds = (): string[] => members.map(({ share }) => share.state.kind);
const areAll = (kind: string): boolean => kinds().every((each) => each === kind);
const isShared = (): boolean =>
  areAll("lease") && sumOf(members) >= 0.97 * quota && jainOf(members) >= 0.95;

afterEach(async () => {
  await Promise.all(members.splice(0).map((member) => member[Symbol.asyncDispose]()));
});

describe("a group that Redis serves", idle, () => {
  test("a late member of a quota group gets its equal part within five seconds, and the total never exceeds the quota", async () => {
    await using redis = await startRedisServer();
    join(redis.url, ["a", "b", "c"], { replicas: 3 });
    await eventually(isShared);
    join(redis.url, ["d"], { replicas: 3 });
    const { most } = await watch(members, 5_000);
    expect(most).toBeLessThanOrEqual(1.05 * quota);
    expect(sumOf(members)).toBeGreaterThanOrEqual(0.97 * quota);
    expect(jainOf(members)).toBeGreaterThanOrEqual(0.95);
    expect(members.map(({ share }) => share.state.members)).toEqual([4, 4, 4, 4]);
  });

  test("the part that one member of a quota group does not want goes to the others", async () => {
    await using redis = await startRedisServer();
    join(redis.url, four);
    const [first] = members;
    if (first === undefined) throw new Error("no member");
    first.wants = 5;
    await eventually(() => members.slice(1).every(({ perSecond }) => perSecond >= 31));
    expect(sumOf(members)).toBeLessThanOrEqual(quota);
    expect(first.perSecond).toBeGreaterThanOrEqual(4.9);
  });

  test("the part of a member that leaves its quota group goes to the others at once", async () => {
    await using redis = await startRedisServer();
    join(redis.url, four, { replicas: 2 });
    await eventually(isShared);
    await Promise.all(members.splice(2).map((member) => member[Symbol.asyncDispose]()));
    const { most } = await watch(members, 4_000);
    expect(most).toBeLessThanOrEqual(quota);
    expect(sumOf(members)).toBeGreaterThanOrEqual(0.97 * quota);
  });

  test.each(["FLUSHALL", "SCRIPT FLUSH"])(
    "a quota group recovers from %s without exceeding the quota",
    async (command) => {
      await using redis = await startRedisServer();
      join(redis.url, four);
      await eventually(isShared);
      redis.cli(...command.split(" "));
      const { most } = await watch(members, 3_000);
      expect(most).toBeLessThanOrEqual(quota);
      await eventually(isShared);
      expect(redis.cli("HLEN", "gateway:kp:{one}:quota")).not.toBe("0");
    },
  );

  test("429s of several members lower the quota of their group once", async () => {
    await using redis = await startRedisServer();
    join(redis.url, four);
    await eventually(isShared);
    const epochs = new Set(members.map(({ share }) => share.state.epoch));
    expect(epochs.size).toBe(1);
    const [before = 0] = epochs;
    for (const { share } of members) share.onThrottled();
    await eventually(() => members.every(({ share }) => share.state.epoch === before + 1));
    await eventually(() => sumOf(members) <= 0.985 * 0.985 * quota + 0.01);
    expect(redis.cli("HGET", "gateway:kp:{one}:quota", "quota")).toMatch(/^98\.5|^98\.4999/);
  });
});

describe("a group without Redis", idle, () => {
  test("members of a quota group start without Redis at their equal parts and rise to leases when Redis comes", async () => {
    await using redis = await startRedisServer();
    await redis.kill();
    join(redis.url, four);
    await eventually(() => Math.abs(sumOf(members) - 0.985 * quota) < 0.01);
    expect(areAll("static")).toBe(true);
    await redis.restart();
    const { most } = await watch(members, 10_000, isShared);
    expect(most).toBeLessThanOrEqual(quota);
    expect(isShared()).toBe(true);
  });

  test("members of a quota group keep their leases without Redis, fall back to equal parts, and return with Redis", async () => {
    await using redis = await startRedisServer();
    join(redis.url, four);
    for (const [at, member] of members.entries()) member.wants = at === 0 ? greedy : 5;
    await eventually(() => (members[0]?.perSecond ?? 0) > 80);
    await redis.kill();
    const kept = await watch(members, 2_000);
    expect(kept.most).toBeLessThanOrEqual(quota);
    expect(members[0]?.perSecond).toBeGreaterThan(80);
    const fallen = await watch(members, 10_000, () => areAll("slice"));
    expect(fallen.most).toBeLessThanOrEqual(1.1 * quota);
    expect(areAll("slice")).toBe(true);
    await eventually(() => Math.abs((members[0]?.perSecond ?? 0) - 24.625) < 0.01);
    for (const member of members) member.wants = greedy;
    await redis.restart();
    const back = await watch(members, 15_000, isShared);
    expect(back.most).toBeLessThanOrEqual(1.05 * quota);
    expect(isShared()).toBe(true);
  });

  test("members of a quota group never wait for a Redis that hangs, and use leases again when it resumes", async () => {
    await using redis = await startRedisServer();
    const { logger, lines } = createLogSink();
    for (const id of ["a", "b", "c", "d"]) {
      members.push(startMember(id, greedy, { ...settings(redis.url), logger }));
    }
    await eventually(isShared);
    redis.suspend();
    const { least, most } = await watch(members, 10_000, () => areAll("slice"));
    expect(areAll("slice")).toBe(true);
    expect(least).toBeGreaterThanOrEqual(0.89 * quota);
    expect(most).toBeLessThanOrEqual(quota);
    redis.resume();
    const back = await watch(members, 15_000, isShared);
    expect(isShared()).toBe(true);
    expect(back.most).toBeLessThanOrEqual(1.05 * quota);
    expect(lines.some((line) => line.includes('"code":"TIMEOUT"'))).toBe(true);
  });
});

const others = (): number => sumOf(members.slice(1));

describe("a group of which one member does not reach Redis", idle, () => {
  // `test/load/replicas-partitions.test.ts` plays the other disturbances.
  test.each([
    ["has closed", "closed"],
    ["passes only requests on", "requests"],
  ] as const)(
    "a member whose way to Redis %s and its quota group never exceed the quota together, and use it",
    async (_name, disturbance) => {
      await using redis = await startRedisServer();
      await using way = await startDisturbedWay(redis.port);
      members.push(startMember("a", greedy, settings(`redis://127.0.0.1:${way.port}`)));
      join(redis.url, ["b", "c", "d"]);
      await eventually(isShared);
      way.set(disturbance);
      const cut = await watch(members, 5_000);
      expect(cut.most).toBeLessThanOrEqual(quota);
      expect(cut.least).toBeGreaterThanOrEqual(0.97 * quota);
      expect(members[0]?.share.state.kind).toBe("slice");
      way.set("open");
      const back = await watch(members, 10_000, isShared);
      expect(back.most).toBeLessThanOrEqual(quota);
      expect(isShared()).toBe(true);
    },
  );

  test("the others of a quota group leave room for a member that has a wrong password from the start", async () => {
    const acl = ["user default on nopass ~* &* +@all", "user gateway on >right ~* +@all"];
    await using redis = await startRedisServer({ acl });
    const wrong = {
      redis: {
        url: redis.url,
        username: "gateway",
        password: () => "wrong",
        keyPrefix: "gateway:",
      },
    };
    members.push(startMember("a", greedy, settings(redis.url, wrong)));
    join(redis.url, ["b", "c", "d"]);
    await eventually(() => others() >= 0.73 * quota);
    const { most } = await watch(members, 3_000);
    // An equal part is 24.6. Ten seconds after its start the member sends that.
    expect(most).toBeLessThanOrEqual(quota - 24.6 + (members[0]?.perSecond ?? Number.NaN));
    expect(members[1]?.share.state).toMatchObject({ members: 3, unheard: 1 });
  });

  test("replicas with different ceilings get equal parts of the lower one", async () => {
    await using redis = await startRedisServer();
    join(redis.url, ["a", "b"], { replicas: 3, ceilingPerSecond: 200 });
    await eventually(() => sumOf(members) > 120);
    join(redis.url, ["c"], { replicas: 3, ceilingPerSecond: 100 });
    await eventually(isShared);
    const { most } = await watch(members, 3_000);
    expect(most).toBeLessThanOrEqual(quota);
    expect(isShared()).toBe(true);
    expect(members.map(({ share }) => share.state.isDisputed)).toEqual([true, true, false]);
  });
});
