import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Lease } from "../../../src/quota-share/lease.ts";
import { createFallbackShare, joinMs } from "../../../src/quota-share/fallback-share.ts";

const lease: Lease = {
  ratePerSecond: 60,
  sharePerSecond: 60,
  members: 2,
  quotaPerSecond: 100,
  epoch: 1,
};
const bounds = { ceilingPerSecond: 100, initialPerSecond: undefined, replicas: 4 };
const start = (more: Partial<typeof bounds> = {}) => createFallbackShare({ ...bounds, ...more }, 0);

describe("without a lease", () => {
  test("a new member waits 300 ms at a tenth of its equal part, then sends its equal part", () => {
    const fallback = start();
    expect(fallback.limit(0).perSecond).toBeCloseTo(2.25, 9);
    expect(fallback.has(0)).toBeCloseTo(22.5, 9);
    expect(fallback.limit(joinMs).perSecond).toBeCloseTo(22.5, 9);
    expect(fallback.kind(joinMs)).toBe("static");
    expect(fallback.limit(joinMs).mayProbe).toBe(true);
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
    expect(fallback.limit(joinMs).perSecond).toBeCloseTo(9, 9);
  });
});

describe("with a lease", () => {
  test("the first lease is used at once, and the group handles 429s", () => {
    const fallback = start();
    fallback.grant(lease, 10, 15);
    expect(fallback.limit(15)).toEqual({ perSecond: 60, mayProbe: false });
    expect(fallback.kind(15)).toBe("lease");
    expect(fallback.ageMs(15)).toBe(5);
  });

  test("an equal part of the quota is due, however small the lease is", () => {
    const fallback = start();
    fallback.grant({ ...lease, ratePerSecond: 2, sharePerSecond: 2 }, 10, 15);
    expect(fallback.due(15)).toBeCloseTo(49.25, 9);
    fallback.grant({ ...lease, ratePerSecond: 80 }, 1_010, 1_015);
    expect(fallback.due(1_015)).toBe(80);
    fallback.miss();
    expect(fallback.due(4_020)).toBe(fallback.limit(4_020).perSecond);
  });

  test("without Redis a lease is kept until its end, then replaced by an equal part of the larger group", () => {
    const fallback = start();
    fallback.grant(lease, 10, 15);
    fallback.miss();
    expect(fallback.kind(20)).toBe("kept");
    expect(fallback.limit(3_009)).toEqual({ perSecond: 60, mayProbe: true });
    expect(fallback.limit(3_010)).toEqual({ perSecond: 22.5, mayProbe: true });
    expect(fallback.kind(3_010)).toBe("slice");
    const crowded = start();
    crowded.grant({ ...lease, members: 9 }, 10, 15);
    expect(crowded.limit(3_010).perSecond).toBeCloseTo(10, 9);
  });

  test("the end of a lease never raises the rate", () => {
    const fallback = start();
    fallback.grant({ ...lease, ratePerSecond: 5 }, 10, 15);
    expect(fallback.limit(3_010).perSecond).toBe(5);
  });

  test("the group is forgotten after a minute", () => {
    const fallback = start();
    fallback.grant({ ...lease, quotaPerSecond: 40, members: 9 }, 10, 15);
    expect(fallback.limit(60_009).perSecond).toBeCloseTo(4, 9);
    expect(fallback.limit(60_010).perSecond).toBeCloseTo(22.5, 9);
    expect(fallback.kind(60_010)).toBe("static");
  });

  test("the rate rises to a new lease within two seconds and falls to it at once", () => {
    const fallback = start();
    fallback.grant(lease, 10, 15);
    fallback.grant(lease, 10_000, 10_000);
    expect(fallback.limit(10_000).perSecond).toBeCloseTo(22.5, 9);
    expect(fallback.limit(11_000).perSecond).toBeCloseTo(41.25, 9);
    fallback.grant(lease, 11_000, 11_000);
    expect(fallback.limit(11_000).perSecond).toBeCloseTo(41.25, 9);
    expect(fallback.limit(12_000).perSecond).toBe(60);
    fallback.grant({ ...lease, ratePerSecond: 3 }, 30_000, 30_000);
    expect(fallback.limit(30_000).perSecond).toBe(3);
  });

  test("each 429 lowers the rate by 1.5 % until the next lease", () => {
    const fallback = start();
    fallback.grant(lease, 10, 15);
    fallback.decrease();
    expect(fallback.limit(20).perSecond).toBeCloseTo(59.1, 9);
    fallback.grant(lease, 30, 31);
    expect(fallback.limit(31).perSecond).toBe(60);
  });
});

test("the equal parts of a group that knows its size are less than the quota", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.double({ min: 1, max: 5_000, noNaN: true }),
      fc.double({ min: 0, max: 100_000, noNaN: true }),
      (members, quotaPerSecond, now) => {
        const fallback = start({ ceilingPerSecond: quotaPerSecond, replicas: members });
        fallback.grant({ ...lease, ratePerSecond: quotaPerSecond, quotaPerSecond, members }, 0, 0);
        const { perSecond } = fallback.limit(now + 3_000);
        expect(perSecond * members).toBeLessThanOrEqual(0.9 * quotaPerSecond * (1 + 1e-9));
      },
    ),
  );
});
