import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Lease, quietMs } from "../../../src/quota-share/lease.ts";
import { createFallbackShare } from "../../../src/quota-share/fallback-share.ts";

const lease: Lease = {
  ratePerSecond: 60,
  sharePerSecond: 60,
  members: 2,
  quotaPerSecond: 100,
  epoch: 1,
  timeMs: 1_000_000,
  ceilingPerSecond: 100,
  size: 4,
  lentPerSecond: 98.5,
  window: 61,
  sliceWindow: 25,
};
const windowOf = (requests: number): number => 0.985 * requests;
const bounds = { ceilingPerSecond: 100, initialPerSecond: undefined, replicas: 4 };
const start = (more: Partial<typeof bounds> = {}) => createFallbackShare({ ...bounds, ...more }, 0);

describe("without a lease", () => {
  test("a new member sends a twentieth of its equal part for ten seconds, then its equal part", () => {
    const fallback = start();
    expect(fallback.limit(0).perSecond).toBeCloseTo(1.23125, 9);
    expect(fallback.limit(quietMs - 1).perSecond).toBeCloseTo(1.23125, 9);
    expect(fallback.nextChangeAfter(0)).toBe(quietMs);
    expect(fallback.limit(quietMs).perSecond).toBeCloseTo(24.625, 9);
    expect(fallback.kind(quietMs)).toBe("static");
    expect(fallback.limit(quietMs).mayProbe).toBe(true);
  });

  test("an unknown quota gives no bound", () => {
    const fallback = createFallbackShare({ ...bounds, ceilingPerSecond: undefined }, 0);
    expect(fallback.limit(0).perSecond).toBe(Number.POSITIVE_INFINITY);
    expect(fallback.limit(1_000).perSecond).toBe(Number.POSITIVE_INFINITY);
  });

  test("the start value of a search is divided among the replicas", () => {
    const fallback = createFallbackShare(
      { ...bounds, ceilingPerSecond: undefined, initialPerSecond: 40 },
      0,
    );
    expect(fallback.limit(quietMs).perSecond).toBeCloseTo(9.85, 9);
  });
});

describe("with a lease", () => {
  test("the first lease is used at once, and the group handles 429s", () => {
    const fallback = start();
    fallback.grant(lease, 10, 10);
    expect(fallback.limit(15)).toEqual({
      perSecond: 60,
      mayProbe: false,
      windowPerSecond: windowOf(61),
    });
    expect(fallback.kind(15)).toBe("lease");
    expect(fallback.ageMs(15)).toBe(5);
  });

  test("an equal part of what is lent is due, however small the lease is", () => {
    const fallback = start();
    fallback.grant({ ...lease, ratePerSecond: 2, sharePerSecond: 2 }, 10, 10);
    expect(fallback.due(15)).toBeCloseTo(49.25, 9);
    fallback.grant({ ...lease, ratePerSecond: 80 }, 1_010, 1_010);
    expect(fallback.due(1_015)).toBe(80);
    fallback.miss();
    expect(fallback.due(4_020)).toBe(fallback.limit(4_020).perSecond);
  });

  test("without Redis a lease is kept until its end, then replaced by an equal part of the larger group", () => {
    const fallback = start();
    fallback.grant(lease, 10, 10);
    fallback.miss();
    expect(fallback.kind(20)).toBe("kept");
    expect(fallback.limit(3_009)).toEqual({
      perSecond: 60,
      mayProbe: true,
      windowPerSecond: windowOf(61),
    });
    expect(fallback.limit(3_010)).toEqual({
      perSecond: 24.625,
      mayProbe: true,
      windowPerSecond: windowOf(25),
    });
    expect(fallback.kind(3_010)).toBe("slice");
    const crowded = start();
    crowded.grant({ ...lease, members: 9, size: 9 }, 10, 10);
    expect(crowded.limit(3_010).perSecond).toBeCloseTo(98.5 / 9, 9);
  });

  test("the end of a lease does not raise the rate before the group keeps room for an equal part", () => {
    const fallback = start();
    fallback.grant({ ...lease, ratePerSecond: 5 }, 10, 10);
    expect(fallback.limit(3_010).perSecond).toBe(5);
    expect(fallback.limit(quietMs + 9).perSecond).toBe(5);
    expect(fallback.limit(quietMs + 10).perSecond).toBeCloseTo(24.625, 9);
  });

  test("the quota that the group had found is forgotten after a minute, but not its ceiling", () => {
    const fallback = start({ ceilingPerSecond: 200 });
    fallback.grant({ ...lease, quotaPerSecond: 40, members: 8, size: 8 }, 10, 10);
    expect(fallback.limit(60_009).perSecond).toBeCloseTo((40 * 0.985) / 8, 9);
    expect(fallback.limit(60_010).perSecond).toBeCloseTo(98.5 / 8, 9);
    expect(fallback.kind(60_010)).toBe("static");
  });

  test("the rate follows a new lease at once, up and down", () => {
    const fallback = start();
    fallback.grant(lease, 10, 10);
    fallback.grant(lease, 20_000, 20_000);
    expect(fallback.limit(20_000).perSecond).toBe(60);
    fallback.grant({ ...lease, ratePerSecond: 3 }, 30_000, 30_000);
    expect(fallback.limit(30_000).perSecond).toBe(3);
  });

  test("each 429 lowers the rate by 1.5 % until the next lease", () => {
    const fallback = start();
    fallback.grant(lease, 10, 10);
    fallback.decrease();
    expect(fallback.limit(20).perSecond).toBeCloseTo(59.1, 9);
    fallback.grant(lease, 30, 30);
    expect(fallback.limit(31).perSecond).toBe(60);
  });
});

const windowAt = (fallback: ReturnType<typeof start>, now: number): number | undefined =>
  fallback.limit(now).windowPerSecond;

describe("what a second may hold", () => {
  const smaller: Lease = { ...lease, ratePerSecond: 30, window: 31 };

  test("a second may hold what the former lease allowed until it has passed", () => {
    const fallback = start();
    fallback.grant(lease, 10, 12);
    fallback.grant(smaller, 1_010, 1_012);
    expect(fallback.limit(1_012).perSecond).toBe(30);
    expect(windowAt(fallback, 2_023)).toBeCloseTo(windowOf(61), 9);
    fallback.grant({ ...smaller, window: 29 }, 2_010, 2_012);
    expect(windowAt(fallback, 2_023)).toBeCloseTo(windowOf(61), 9);
    expect(windowAt(fallback, 2_024)).toBeCloseTo(windowOf(31), 9);
    expect(windowAt(fallback, 3_024)).toBeCloseTo(windowOf(29), 9);
  });

  test("a lower quota and a 429 take back at once what the former lease allowed", () => {
    const fallback = start();
    fallback.grant(lease, 10, 12);
    fallback.grant({ ...smaller, epoch: 2 }, 1_010, 1_012);
    expect(windowAt(fallback, 1_012)).toBeCloseTo(windowOf(31), 9);
    fallback.grant({ ...smaller, epoch: 2, window: 20 }, 1_110, 1_112);
    fallback.decrease();
    expect(windowAt(fallback, 1_113)).toBeCloseTo(windowOf(20) * 0.985, 9);
  });

  test("a lease without a bound leaves no window to the next one", () => {
    const fallback = start();
    const infinite = Number.POSITIVE_INFINITY;
    fallback.grant({ ...lease, ratePerSecond: infinite, window: infinite }, 10, 12);
    fallback.grant(smaller, 1_010, 1_012);
    expect(windowAt(fallback, 1_012)).toBeCloseTo(windowOf(31), 9);
  });

  test("without a lease a window is that of an equal part, once the rate is one", () => {
    const fallback = start();
    fallback.grant({ ...smaller, ratePerSecond: 5, sliceWindow: 26 }, 10, 12);
    expect(windowAt(fallback, 3_010)).toBeUndefined();
    expect(windowAt(fallback, quietMs + 10)).toBeCloseTo(windowOf(26), 9);
    expect(windowAt(fallback, 60_010)).toBeUndefined();
  });
});

test("the equal parts of a group are together no more than the quota", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.double({ min: 1, max: 5_000, noNaN: true }),
      fc.double({ min: 0, max: 100_000, noNaN: true }),
      (size, quotaPerSecond, now) => {
        const fallback = start({ ceilingPerSecond: quotaPerSecond, replicas: size });
        const all = { ...lease, ratePerSecond: quotaPerSecond, quotaPerSecond, size };
        fallback.grant({ ...all, members: size, ceilingPerSecond: quotaPerSecond }, 0, 0);
        const { perSecond } = fallback.limit(now + 3_000);
        expect(perSecond * size).toBeLessThanOrEqual(0.985 * quotaPerSecond * (1 + 1e-9));
      },
    ),
  );
});
