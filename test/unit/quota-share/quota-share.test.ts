/** The loop of a member on driven time, with the model of the script in place of Redis. */
import { describe, expect, test } from "vitest";
import { createLogger } from "../../../src/observability/logging/logger.ts";
import { parseLease, toLeaseArgs } from "../../../src/quota-share/lease.ts";
import { createQuotaShare, type SharedQuota } from "../../../src/quota-share/quota-share.ts";
import type { QuotaLimit } from "../../../src/upstream/rate-limit/adaptive/settings.ts";
import { createDrivenClock } from "../../support/driven-clock.ts";
import { asking, createModelGroup } from "../../support/lease-model.ts";
import { createFakeRedis } from "./fake-redis.ts";

interface Options {
  readonly quota?: Partial<SharedQuota>;
  readonly replicas?: number;
  readonly memberId?: string;
}

function start({ quota = {}, replicas = 1, memberId = "a" }: Options = {}) {
  const clock = createDrivenClock();
  const fake = createFakeRedis(clock);
  const limits: QuotaLimit[] = [];
  const lines: string[] = [];
  const demand = {
    needsPerSecond: 500,
    wantsPerSecond: 500,
    acceptedPerSecond: 50,
    throttledPerSecond: 0,
  };
  const share = createQuotaShare({
    redis: fake.redis,
    instanceKey: "kp:{one}",
    memberId,
    quota: { ceilingPerSecond: 100, isFixed: false, longestHoldMs: 300_000, ...quota },
    replicas,
    clock,
    random: () => 0.5,
    logger: createLogger({
      level: "info",
      destination: { write: (line) => void lines.push(line) },
    }),
    demand: () => demand,
    apply: (limit) => void limits.push(limit),
  });
  const rate = (): number | undefined => limits.at(-1)?.perSecond;
  return { ...fake, clock, share, limits, lines, demand, rate };
}

describe("renewal", () => {
  test("a lease is renewed four times a second while more is to come, then once", async () => {
    const { share, clock, redis, requests, rate } = start({ replicas: 2 });
    await redis.eval("", [], toLeaseArgs({ ...asking("b", 0), replicas: 2 }));
    share.start();
    // A young group may have members that it does not know.
    await clock.advance(2_950);
    expect(rate()).toBeCloseTo(49.25, 6);
    expect(requests.length).toBeGreaterThanOrEqual(12);
    expect(requests.length).toBeLessThanOrEqual(14);
    await clock.advance(1_000);
    requests.length = 0;
    await clock.advance(10_000);
    expect(requests.length).toBeGreaterThanOrEqual(9);
    expect(requests.length).toBeLessThanOrEqual(11);
    // The group does not hear the other replica any more, and keeps an equal part for it.
    expect(rate()).toBeCloseTo(49.25, 6);
    await share.close();
    expect(clock.pending).toBe(0);
  });

  test("a lease is renewed soon when calls wait, at most ten times a second", async () => {
    const { share, clock, redis, requests, demand } = start();
    const takeAll = (): Promise<unknown> =>
      redis.eval(
        "",
        [],
        toLeaseArgs({ ...asking("b", 500), hasPerSecond: 96, acceptedPerSecond: 90 }),
      );
    demand.wantsPerSecond = 0;
    share.start();
    for (let second = 0; second < 8; second++) {
      await takeAll();
      await clock.advance(1_000);
    }
    expect(share.state.ratePerSecond).toBeLessThan(5);
    expect(share.duePerSecond).toBeCloseTo(49.25, 6);

    demand.wantsPerSecond = 500;
    const mine = (): number => requests.filter(({ memberId }) => memberId === "a").length;
    const before = mine();
    for (let ms = 0; ms < 500; ms += 5) {
      share.onBacklog();
      await clock.advance(5);
    }
    expect(mine() - before).toBeGreaterThanOrEqual(4);
    expect(mine() - before).toBeLessThanOrEqual(7);
    await share.close();
  });

  test("waiting calls do not hasten a renewal when the lease is all that is due", async () => {
    const { share, clock, requests } = start();
    share.start();
    await clock.advance(6_000);
    requests.length = 0;
    for (let ms = 0; ms < 800; ms += 5) {
      share.onBacklog();
      await clock.advance(5);
    }
    expect(requests.length).toBeLessThanOrEqual(1);
    await share.close();
  });

  test("two renewals never run at once, however long a reply takes", async () => {
    const { share, clock, redis, requests } = start();
    let answer: (() => void) | undefined;
    redis.answer = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    share.start();
    await clock.advance(5_000);
    expect(requests).toHaveLength(1);
    answer?.();
    await clock.advance(1_500);
    expect(requests).toHaveLength(2);
    await share.close();
  });

  test("a lease counts from when it was asked for, so a reply after 3 s gives none", async () => {
    const { share, clock, redis } = start({ replicas: 2 });
    let answer: (() => void) | undefined;
    redis.answer = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    share.start();
    await clock.advance(4_000);
    answer?.();
    await clock.advance(10);
    expect(share.state).toMatchObject({ kind: "slice", ratePerSecond: 49.25 });
    await share.close();
  });

  test("renewals continue after the demand or the limit throws", async () => {
    const clock = createDrivenClock();
    const { redis } = createFakeRedis(clock);
    let failures = 0;
    const limits: number[] = [];
    const share = createQuotaShare({
      redis,
      instanceKey: "kp:{one}",
      memberId: "a",
      quota: { ceilingPerSecond: 100, isFixed: false, longestHoldMs: 300_000 },
      replicas: 1,
      clock,
      random: () => 0.5,
      logger: createLogger({ level: "silent" }),
      demand: () => {
        failures += 1;
        if (failures < 3) throw new Error("no demand");
        return {
          needsPerSecond: 500,
          wantsPerSecond: 500,
          acceptedPerSecond: 50,
          throttledPerSecond: 0,
        };
      },
      apply: ({ perSecond }) => void limits.push(perSecond),
    });
    share.start();
    await clock.advance(3_000);
    expect(share.state.kind).toBe("lease");
    expect(limits.at(-1)).toBeGreaterThan(80);
    await share.close();
  });

  test("a reply that makes no sense counts as no reply", async () => {
    const { share, clock, redis, rate } = start({ replicas: 2 });
    const sound = ["50", 1, "50", "5", "50", "1000", "100", 2, "50", 51, 26];
    const replies: unknown[] = [
      ["nonsense", {}],
      ...["1e12", "1e308", "-1", "0", "1e-300", "nan"].flatMap((figure) =>
        [0, 2, 4, 6, 8, 9, 10].map((at) => sound.with(at, figure)),
      ),
      ...[1, 3, 5, 7, 9, 10].map((at) => sound.with(at, "1.5")),
    ];
    expect(parseLease(sound)).toMatchObject({
      ratePerSecond: 50,
      size: 2,
      lentPerSecond: 50,
      window: 51,
      sliceWindow: 26,
    });
    let asked = 0;
    redis.eval = () => Promise.resolve(replies[asked++ % replies.length]);
    share.start();
    await clock.advance(2_000 * replies.length);
    expect(asked).toBeGreaterThan(replies.length);
    expect(share.state.kind).toBe("static");
    expect(rate()).toBeCloseTo(49.25, 9);
    await share.close();
  });
});

describe("a 429", () => {
  test("a 429 lowers the rate at once, and the quota of the group once per epoch", async () => {
    const { share, clock, group, requests, rate } = start();
    share.start();
    await clock.advance(5_000);
    const asked = requests.length;
    const { epoch } = group;
    for (let count = 0; count < 20; count += 1) share.onThrottled();
    expect(rate()).toBeCloseTo(98.5 * 0.985, 6);
    await clock.advance(10);
    expect(requests.length).toBe(asked + 1);
    expect(requests.at(-1)?.refusedEpoch).toBe(epoch);
    expect(group.epoch).toBe(epoch + 1);
    expect(group.quota).toBeCloseTo(98.5, 6);
    await share.close();
  });

  test("a 429 is not reported for a fixed quota, nor after Redis was away", async () => {
    const fixed = start({ quota: { isFixed: true } });
    fixed.share.start();
    await fixed.clock.advance(2_000);
    fixed.share.onThrottled();
    await fixed.clock.advance(2_000);
    expect(fixed.requests.every(({ refusedEpoch }) => refusedEpoch === undefined)).toBe(true);
    await fixed.share.close();

    const away = start();
    away.share.start();
    await away.clock.advance(2_000);
    away.redis.isReady = false;
    away.share.onThrottled();
    await away.clock.advance(5_000);
    away.redis.isReady = true;
    await away.clock.advance(2_000);
    expect(away.requests.every(({ refusedEpoch }) => refusedEpoch === undefined)).toBe(true);
    await away.share.close();
  });

  test("the first 429 ends the unlimited rate of an unknown quota", async () => {
    const { share, clock, demand, group, rate } = start({ quota: { ceilingPerSecond: undefined } });
    share.start();
    await clock.advance(3_000);
    expect(rate()).toBe(Number.POSITIVE_INFINITY);
    demand.acceptedPerSecond = 80;
    share.onThrottled();
    await clock.advance(100);
    expect(group.quota).toBe(80);
    expect(rate()).toBeCloseTo(78.8, 6);
    await share.close();
  });
});

test("a member gives the quota that it knows to a group that has forgotten it", async () => {
  const { share, clock, demand, group, requests, rate } = start({
    quota: { ceilingPerSecond: undefined },
  });
  share.start();
  await clock.advance(2_000);
  demand.acceptedPerSecond = 80;
  share.onThrottled();
  await clock.advance(1_000);
  const found = rate() ?? 0;
  Object.assign(group, createModelGroup());
  await clock.advance(2_000);
  expect(requests.at(-1)).toMatchObject({ isSearching: false });
  expect(rate()).toBeGreaterThan(0.9 * found);
  expect(rate()).toBeLessThanOrEqual(found * 1.25);
  await share.close();
});

test("each change between lease and fallback is logged once", async () => {
  const { share, clock, redis, lines } = start();
  share.start();
  await clock.advance(2_000);
  redis.isReady = false;
  await clock.advance(70_000);
  redis.isReady = true;
  await clock.advance(5_000);
  const kinds = lines.map((line) => /"kind":"(\w+)"/.exec(line)?.[1]);
  expect(kinds).toEqual(["lease", "kept", "slice", "static", "lease"]);
  await share.close();
});

describe("the group", () => {
  test("a member confirms a lower lease at once, so that the others get what it gave up", async () => {
    const { share, clock, redis, group, requests } = start({ replicas: 2 });
    share.start();
    await clock.advance(5_000);
    group.members.clear();
    await redis.eval("", [], toLeaseArgs({ ...asking("b", 500), replicas: 2 }));
    Object.assign(group, { joinedAt: 0 });
    requests.length = 0;
    const other = { ...asking("c", 500), replicas: 4, hasPerSecond: 49.25 };
    await redis.eval("", [], toLeaseArgs(other));
    while (requests.at(-1)?.memberId !== "a") await clock.advance(5);
    const given = share.state.ratePerSecond;
    expect(given).toBeLessThan(30);
    expect(group.members.get("a")?.has).toBeCloseTo(49.25, 6);
    await clock.advance(30);
    expect(requests.at(-1)).toMatchObject({ memberId: "a", hasPerSecond: given });
    expect(group.members.get("a")?.has).toBeCloseTo(given, 6);
    await share.close();
  });

  test("a member names the newest reply that it heard, and numbers its requests", async () => {
    const { share, clock, requests } = start();
    share.start();
    await clock.advance(3_500);
    expect(requests[0]).toMatchObject({ heardAt: undefined, sequence: 1 });
    expect(requests[2]).toMatchObject({ sequence: 3 });
    expect(requests[2]?.heardAt).toBeGreaterThan(requests[1]?.heardAt ?? Number.NaN);
    await share.close();
  });

  test("a replica with a higher ceiling goes by the lower one of the group, and logs it once", async () => {
    const { share, clock, redis, lines, rate } = start({
      quota: { ceilingPerSecond: 200 },
      replicas: 2,
    });
    const other = (): Promise<unknown> =>
      redis.eval("", [], toLeaseArgs({ ...asking("b", 500), replicas: 2, hasPerSecond: 49.25 }));
    share.start();
    for (let second = 0; second < 8; second += 1) {
      await other();
      await clock.advance(1_000);
    }
    expect(rate()).toBeCloseTo(49.25, 6);
    expect(share.state).toMatchObject({ ceilingPerSecond: 100, isDisputed: true, unheard: 0 });
    const told = lines.filter((line) => line.includes("disagree"));
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/"ceilingPerSecond":200,"agreedPerSecond":100/);
    // Without Redis the lower one holds too.
    redis.isReady = false;
    await clock.advance(120_000);
    expect(rate()).toBeCloseTo(49.25, 6);
    await share.close();
  });

  test("a group that keeps room for a replica for ten seconds says so, and when it is complete", async () => {
    const { share, clock, redis, lines } = start({ replicas: 2 });
    const told = (): string[] => lines.filter((line) => /keeps room|hears all/.test(line));
    share.start();
    await clock.advance(9_000);
    expect(told()).toEqual([]);
    expect(share.state.unheard).toBe(1);
    await clock.advance(3_000);
    expect(told()).toHaveLength(1);
    expect(told()[0]).toMatch(/"members":1,"replicas":2.*keeps room/);
    await redis.eval("", [], toLeaseArgs({ ...asking("b", 5), replicas: 2 }));
    await clock.advance(1_500);
    expect(told()).toHaveLength(2);
    expect(told()[1]).toContain("hears all replicas");
    await share.close();
  });
});

test("closing gives the lease back, and nothing happens afterwards", async () => {
  const { share, clock, left, limits } = start();
  share.start();
  await clock.advance(2_000);
  await share.close();
  expect(left()).toBe(1);
  const count = limits.length;
  share.start();
  share.onThrottled();
  await clock.advance(5_000);
  expect(limits).toHaveLength(count);
  expect(clock.pending).toBe(0);
});

test.each(["", "a b", "ä", "x".repeat(65)])("the member ID '%s' is rejected", (memberId) => {
  expect(() => start({ memberId })).toThrow(RangeError);
});

test.each([0, -1, Number.NaN])("%s replicas are rejected", (replicas) => {
  expect(() => start({ replicas })).toThrow(RangeError);
});
