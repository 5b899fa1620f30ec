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
  test("waits a moment at a tenth of the slice, then sends its slice", () => {
    const fallback = start();
    expect(fallback.limit(0).perSecond).toBeCloseTo(2.25, 9);
    expect(fallback.has(0)).toBeCloseTo(22.5, 9);
    expect(fallback.limit(joinMs).perSecond).toBeCloseTo(22.5, 9);
    expect(fallback.kind(joinMs)).toBe("static");
    expect(fallback.limit(joinMs).mayProbe).toBe(true);
  });

  test("has no bound under a quota that nobody knows", () => {
    const fallback = createFallbackShare({ ...bounds, ceilingPerSecond: undefined }, 0);
    expect(fallback.limit(0).perSecond).toBe(Number.POSITIVE_INFINITY);
    expect(fallback.limit(1_000).perSecond).toBe(Number.POSITIVE_INFINITY);
  });

  test("divides the rate at which a search is to start", () => {
    const fallback = createFallbackShare(
      { ...bounds, ceilingPerSecond: undefined, initialPerSecond: 40 },
      0,
    );
    expect(fallback.limit(joinMs).perSecond).toBeCloseTo(9, 9);
  });
});

describe("with a lease", () => {
  test("uses it at once when it is the first, and leaves the law to the group", () => {
    const fallback = start();
    fallback.grant(lease, 10, 15);
    expect(fallback.limit(15)).toEqual({ perSecond: 60, mayProbe: false });
    expect(fallback.kind(15)).toBe("lease");
    expect(fallback.ageMs(15)).toBe(5);
  });

  test("has an equal part of the quota due, however little it was lent", () => {
    const fallback = start();
    fallback.grant({ ...lease, ratePerSecond: 2, sharePerSecond: 2 }, 10, 15);
    expect(fallback.due(15)).toBeCloseTo(49.25, 9);
    fallback.grant({ ...lease, ratePerSecond: 80 }, 1_010, 1_015);
    expect(fallback.due(1_015)).toBe(80);
    fallback.miss();
    expect(fallback.due(4_020)).toBe(fallback.limit(4_020).perSecond);
  });

  test("keeps it until its end when Redis is away, then falls to the slice of the larger group", () => {
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

  test("does not grow by falling back", () => {
    const fallback = start();
    fallback.grant({ ...lease, ratePerSecond: 5 }, 10, 15);
    expect(fallback.limit(3_010).perSecond).toBe(5);
  });

  test("forgets the group after a minute", () => {
    const fallback = start();
    fallback.grant({ ...lease, quotaPerSecond: 40, members: 9 }, 10, 15);
    expect(fallback.limit(60_009).perSecond).toBeCloseTo(4, 9);
    expect(fallback.limit(60_010).perSecond).toBeCloseTo(22.5, 9);
    expect(fallback.kind(60_010)).toBe("static");
  });

  test("walks up to a new lease within two seconds, and down to it at once", () => {
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

  test("goes down a little with each cut until the next lease", () => {
    const fallback = start();
    fallback.grant(lease, 10, 15);
    fallback.decrease();
    expect(fallback.limit(20).perSecond).toBeCloseTo(59.1, 9);
    fallback.grant(lease, 30, 31);
    expect(fallback.limit(31).perSecond).toBe(60);
  });
});

test("the slices of a group that knows its size are less than the quota", () => {
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
