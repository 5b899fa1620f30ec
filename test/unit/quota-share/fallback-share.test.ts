import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Lease } from "../../../src/quota-share/lease.ts";
import { createShareLadder, joinMs } from "../../../src/quota-share/fallback-share.ts";

const lease: Lease = {
  ratePerSecond: 60,
  sharePerSecond: 60,
  members: 2,
  quotaPerSecond: 100,
  epoch: 1,
};
const bounds = { ceilingPerSecond: 100, initialPerSecond: undefined, replicas: 4 };
const start = (more: Partial<typeof bounds> = {}) => createShareLadder({ ...bounds, ...more }, 0);

describe("without a lease", () => {
  test("waits a moment at a tenth of the slice, then sends its slice", () => {
    const ladder = start();
    expect(ladder.limit(0).perSecond).toBeCloseTo(2.25, 9);
    expect(ladder.has(0)).toBeCloseTo(22.5, 9);
    expect(ladder.limit(joinMs).perSecond).toBeCloseTo(22.5, 9);
    expect(ladder.kind(joinMs)).toBe("static");
    expect(ladder.limit(joinMs).mayProbe).toBe(true);
  });

  test("has no bound under a quota that nobody knows", () => {
    const ladder = createShareLadder({ ...bounds, ceilingPerSecond: undefined }, 0);
    expect(ladder.limit(0).perSecond).toBe(Number.POSITIVE_INFINITY);
    expect(ladder.limit(1_000).perSecond).toBe(Number.POSITIVE_INFINITY);
  });

  test("divides the rate at which a search is to start", () => {
    const ladder = createShareLadder(
      { ...bounds, ceilingPerSecond: undefined, initialPerSecond: 40 },
      0,
    );
    expect(ladder.limit(joinMs).perSecond).toBeCloseTo(9, 9);
  });
});

describe("with a lease", () => {
  test("uses it at once when it is the first, and leaves the law to the group", () => {
    const ladder = start();
    ladder.grant(lease, 10, 15);
    expect(ladder.limit(15)).toEqual({ perSecond: 60, mayProbe: false });
    expect(ladder.kind(15)).toBe("lease");
    expect(ladder.ageMs(15)).toBe(5);
  });

  test("has an equal part of the quota due, however little it was lent", () => {
    const ladder = start();
    ladder.grant({ ...lease, ratePerSecond: 2, sharePerSecond: 2 }, 10, 15);
    expect(ladder.due(15)).toBeCloseTo(49.25, 9);
    ladder.grant({ ...lease, ratePerSecond: 80 }, 1_010, 1_015);
    expect(ladder.due(1_015)).toBe(80);
    ladder.miss();
    expect(ladder.due(4_020)).toBe(ladder.limit(4_020).perSecond);
  });

  test("keeps it until its end when Redis is away, then falls to the slice of the larger group", () => {
    const ladder = start();
    ladder.grant(lease, 10, 15);
    ladder.miss();
    expect(ladder.kind(20)).toBe("kept");
    expect(ladder.limit(3_009)).toEqual({ perSecond: 60, mayProbe: true });
    expect(ladder.limit(3_010)).toEqual({ perSecond: 22.5, mayProbe: true });
    expect(ladder.kind(3_010)).toBe("slice");
    const crowded = start();
    crowded.grant({ ...lease, members: 9 }, 10, 15);
    expect(crowded.limit(3_010).perSecond).toBeCloseTo(10, 9);
  });

  test("does not grow by falling back", () => {
    const ladder = start();
    ladder.grant({ ...lease, ratePerSecond: 5 }, 10, 15);
    expect(ladder.limit(3_010).perSecond).toBe(5);
  });

  test("forgets the group after a minute", () => {
    const ladder = start();
    ladder.grant({ ...lease, quotaPerSecond: 40, members: 9 }, 10, 15);
    expect(ladder.limit(60_009).perSecond).toBeCloseTo(4, 9);
    expect(ladder.limit(60_010).perSecond).toBeCloseTo(22.5, 9);
    expect(ladder.kind(60_010)).toBe("static");
  });

  test("walks up to a new lease within two seconds, and down to it at once", () => {
    const ladder = start();
    ladder.grant(lease, 10, 15);
    ladder.grant(lease, 10_000, 10_000);
    expect(ladder.limit(10_000).perSecond).toBeCloseTo(22.5, 9);
    expect(ladder.limit(11_000).perSecond).toBeCloseTo(41.25, 9);
    ladder.grant(lease, 11_000, 11_000);
    expect(ladder.limit(11_000).perSecond).toBeCloseTo(41.25, 9);
    expect(ladder.limit(12_000).perSecond).toBe(60);
    ladder.grant({ ...lease, ratePerSecond: 3 }, 30_000, 30_000);
    expect(ladder.limit(30_000).perSecond).toBe(3);
  });

  test("goes down a little with each cut until the next lease", () => {
    const ladder = start();
    ladder.grant(lease, 10, 15);
    ladder.cut();
    expect(ladder.limit(20).perSecond).toBeCloseTo(59.1, 9);
    ladder.grant(lease, 30, 31);
    expect(ladder.limit(31).perSecond).toBe(60);
  });
});

test("the slices of a group that knows its size are less than the quota", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.double({ min: 1, max: 5_000, noNaN: true }),
      fc.double({ min: 0, max: 100_000, noNaN: true }),
      (members, quotaPerSecond, now) => {
        const ladder = start({ ceilingPerSecond: quotaPerSecond, replicas: members });
        ladder.grant({ ...lease, ratePerSecond: quotaPerSecond, quotaPerSecond, members }, 0, 0);
        const { perSecond } = ladder.limit(now + 3_000);
        expect(perSecond * members).toBeLessThanOrEqual(0.9 * quotaPerSecond * (1 + 1e-9));
      },
    ),
  );
});
