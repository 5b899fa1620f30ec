/** The loop of a member on driven time, with the model of the script in place of Redis. */
import { describe, expect, test } from "vitest";
import { createLogger } from "../../../src/observability/logging/logger.ts";
import { toLeaseArgs } from "../../../src/quota-share/lease.ts";
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

function start({ quota = {}, replicas = 2, memberId = "a" }: Options = {}) {
  const clock = createDrivenClock();
  const fake = createFakeRedis(clock);
  const limits: QuotaLimit[] = [];
  const lines: string[] = [];
  const demand = { wantsPerSecond: 500, acceptedPerSecond: 50, throttledPerSecond: 0 };
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
    const { share, clock, requests, rate } = start();
    share.start();
    // A young group may have members that it does not know.
    await clock.advance(2_950);
    expect(rate()).toBeCloseTo(45, 6);
    expect(requests.length).toBeGreaterThanOrEqual(12);
    expect(requests.length).toBeLessThanOrEqual(14);
    await clock.advance(1_000);
    requests.length = 0;
    await clock.advance(10_000);
    expect(requests.length).toBeGreaterThanOrEqual(9);
    expect(requests.length).toBeLessThanOrEqual(11);
    expect(rate()).toBeCloseTo(98.5, 6);
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
    const { share, clock, redis } = start();
    let answer: (() => void) | undefined;
    redis.answer = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    share.start();
    await clock.advance(4_000);
    answer?.();
    await clock.advance(10);
    expect(share.state).toMatchObject({ kind: "slice", ratePerSecond: 45 });
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
        return { wantsPerSecond: 500, acceptedPerSecond: 50, throttledPerSecond: 0 };
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
    const { share, clock, redis, rate } = start();
    const replies: unknown[] = [
      ["nonsense", {}],
      ...["1e12", "1e308", "-1", "0", "1e-300", "nan"].flatMap((figure) => [
        [figure, 1, "50", "5", "50", "1"],
        ["50", 1, figure, "5", "50", "1"],
        ["50", 1, "50", "5", figure, "1"],
      ]),
    ];
    let asked = 0;
    redis.eval = () => Promise.resolve(replies[asked++ % replies.length]);
    share.start();
    await clock.advance(2_000 * replies.length);
    expect(asked).toBeGreaterThan(replies.length);
    expect(share.state.kind).toBe("static");
    expect(rate()).toBeCloseTo(45, 9);
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
