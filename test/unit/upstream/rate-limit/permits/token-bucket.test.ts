import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createTokenBucket,
  type TokenBucket,
} from "../../../../../src/upstream/rate-limit/permits/token-bucket.ts";
import { bucketSizeFor } from "../../../../../src/upstream/rate-limit/permits/bucket-size.ts";

const catchUpFactor = 1.003;

const meterOf = (rate: number): TokenBucket =>
  createTokenBucket({ now: 0, pace: bucketSizeFor(rate), catchUpFactor });

/** Takes all that may be spent at a time, and tells how many those were. */
function takeAll(meter: TokenBucket, now: number): number {
  let taken = 0;
  for (; meter.waitMs(now) === 0; taken++) meter.take(now);
  return taken;
}

describe("the permit meter", () => {
  test("lets a burst through after idleness, however long, and one at a time from then on", () => {
    const meter = meterOf(100);
    expect(takeAll(meter, 10_000)).toBe(5);
    expect(meter.waitMs(10_000)).toBeCloseTo(10);
    expect(meter.waitMs(10_000, 3)).toBeCloseTo(30);
    expect(takeAll(meter, 10_010)).toBe(1);
  });

  test("makes up at once for a delay of 50 ms while somebody waits", () => {
    const meter = meterOf(1_000);
    meter.setAwaited(0, true);
    expect(takeAll(meter, 0)).toBe(10);
    expect(takeAll(meter, 50)).toBe(50);
    expect(takeAll(meter, 60)).toBe(10);
  });

  test("makes up for no delay in which nobody waited, beyond the burst", () => {
    const meter = meterOf(1_000);
    meter.setAwaited(0, true);
    takeAll(meter, 0);
    meter.setAwaited(0, false);
    expect(takeAll(meter, 300)).toBe(10);
  });

  test("still counts who waited a moment ago, as when all connections are busy for a while", () => {
    const meter = meterOf(1_000);
    meter.setAwaited(0, true);
    takeAll(meter, 0);
    meter.setAwaited(0, false);
    expect(takeAll(meter, 40)).toBe(40);
  });

  test("pays off the rest of a longer delay little by little", () => {
    const meter = meterOf(1_000);
    meter.setAwaited(0, true);
    takeAll(meter, 0);
    // 200 fell due; 150 are owed.
    expect(takeAll(meter, 200)).toBe(50);
    let taken = 0;
    for (let now = 201; now <= 10_200; now++) taken += takeAll(meter, now);
    expect(taken).toBeGreaterThanOrEqual(10_029);
    expect(taken).toBeLessThanOrEqual(10_031);
    for (let now = 10_201; now <= 60_200; now++) taken += takeAll(meter, now);
    // All is paid, and nothing beyond.
    expect(taken).toBeGreaterThanOrEqual(60_149);
    expect(taken).toBeLessThanOrEqual(60_151);
  });

  test("forgets what it owes when nobody waits any more", () => {
    const meter = meterOf(1_000);
    meter.setAwaited(0, true);
    expect(takeAll(meter, 200)).toBe(50);
    meter.setAwaited(200, false);
    expect(takeAll(meter, 1_000)).toBe(10);
    meter.setAwaited(1_000, true);
    let taken = 0;
    for (let now = 1_001; now <= 6_000; now++) taken += takeAll(meter, now);
    expect(taken).toBe(5_000);
  });

  test("lets a single one through when a pause is over", () => {
    const meter = meterOf(100);
    meter.setAwaited(0, true);
    meter.pauseUntil(2_000);
    expect(meter.waitMs(500)).toBe(1_500);
    expect(meter.waitMs(500, 2)).toBe(1_510);
    expect(takeAll(meter, 1_999)).toBe(0);
    expect(takeAll(meter, 2_000)).toBe(1);
    expect(meter.waitMs(2_000)).toBeCloseTo(10);
  });

  test("lets one more through for one that was given back", () => {
    const meter = meterOf(100);
    takeAll(meter, 0);
    meter.giveBack(0);
    expect(takeAll(meter, 0)).toBe(1);
  });

  test("keeps no larger burst than a new pace has, and gets none as a present", () => {
    const meter = meterOf(200);
    meter.setPace(0, bucketSizeFor(20));
    expect(takeAll(meter, 0)).toBe(1);
    meter.setPace(0, bucketSizeFor(200));
    expect(takeAll(meter, 0)).toBe(0);
    // Half a permit was left.
    expect(meter.waitMs(0)).toBeCloseTo(2.5);
  });

  test("lets exactly the rate through to whom waits, at any time, though it is asked as late as 45 ms", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 200, max: 5_000, noNaN: true }),
        fc.array(fc.double({ min: 0.1, max: 45, noNaN: true }), { minLength: 20, maxLength: 300 }),
        (rate, delays) => {
          const meter = meterOf(rate);
          meter.setAwaited(0, true);
          expect(takeAll(meter, 0)).toBe(bucketSizeFor(rate).burst);
          let now = 0;
          let taken = 0;
          for (const delay of delays) {
            now += delay;
            taken += takeAll(meter, now);
            const due = (now * rate) / 1_000;
            expect(taken).toBeLessThan(due + 1e-3);
            expect(taken).toBeGreaterThan(due - 1 - 1e-3);
          }
        },
      ),
    );
  });

  test.each([4, 10, 20, 40])(
    "loses nothing at %d per second to timers that are late by a millisecond or two",
    (rate) => {
      const meter = meterOf(rate);
      meter.setAwaited(0, true);
      let taken = 0;
      let now = 0;
      for (let late = 0; now < 60_000; late = (late + 0.7) % 2.1) {
        now += meter.waitMs(now) + late;
        taken += takeAll(meter, now);
      }
      expect(taken).toBeGreaterThan(60 * rate - 1);
      expect(taken).toBeLessThanOrEqual(60.1 * rate + 2);
    },
  );

  test("lets no more through in any time than the catch-up and the hastened rate, whatever the delays", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.5, max: 5_000, noNaN: true }),
        fc.array(fc.tuple(fc.nat(400), fc.boolean()), { minLength: 1, maxLength: 200 }),
        (rate, steps) => {
          const { catchUp } = bucketSizeFor(rate);
          const meter = meterOf(rate);
          let now = 0;
          // A bucket of an upstream that refills at the hastened rate never runs dry.
          let left = catchUp;
          for (const [ms, isAwaited] of steps) {
            meter.setAwaited(now, isAwaited);
            now += ms;
            left =
              Math.min(catchUp, left + (ms * rate * catchUpFactor) / 1_000) - takeAll(meter, now);
            expect(left).toBeGreaterThan(-1e-3);
          }
        },
      ),
    );
  });
});
