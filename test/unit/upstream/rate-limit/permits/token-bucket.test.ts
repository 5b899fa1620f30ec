import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  bucketSizeFor,
  createTokenBucket,
  type TokenBucket,
} from "../../../../../src/upstream/rate-limit/permits/token-bucket.ts";

const catchUpFactor = 1.003;

const bucketOf = (rate: number): TokenBucket => createTokenBucket({ now: 0, rate, catchUpFactor });

/** Takes all available tokens and returns their number. */
function takeAll(bucket: TokenBucket, now: number): number {
  let taken = 0;
  while (bucket.tryTake(now)) taken += 1;
  return taken;
}

const anyRate = fc.double({ min: 0.5, max: 100_000, noNaN: true });

describe("the size of a token bucket", () => {
  test.each([
    [0.5, 1],
    [10, 1],
    [20, 1],
    [98.5, 5],
    [200, 10],
    [2_000, 10],
  ])("a bucket with %d tokens per second has a burst of %d", (rate, burst) => {
    expect(bucketSizeFor(rate)).toMatchObject({ burst });
  });

  test("a bucket of any rate holds a twentieth of a second at most, or the one token that it needs", () => {
    fc.assert(
      fc.property(anyRate, (rate) => {
        const { burst, catchUp } = bucketSizeFor(rate);
        expect(burst).toBeLessThanOrEqual(10);
        expect(burst).toBeLessThanOrEqual(catchUp);
        expect(Math.floor(catchUp)).toBeLessThanOrEqual(Math.max(1, 0.05 * rate + 0.5));
      }),
    );
  });
});

describe("the token bucket", () => {
  test("a bucket gives a burst after any idle time, and one token at a time from then on", () => {
    const bucket = bucketOf(100);
    expect(takeAll(bucket, 10_000)).toBe(5);
    expect(bucket.waitMs(10_000)).toBeCloseTo(10);
    expect(bucket.waitMs(10_000, 3)).toBeCloseTo(30);
    expect(takeAll(bucket, 10_010)).toBe(1);
  });

  test("a bucket makes up at once for a delay of 50 ms while a call waits", () => {
    const bucket = bucketOf(1_000);
    bucket.setAwaited(0, true);
    expect(takeAll(bucket, 0)).toBe(10);
    expect(takeAll(bucket, 50)).toBe(50);
    expect(takeAll(bucket, 60)).toBe(10);
  });

  test("a bucket gives no more than the burst after a delay during which no call waited", () => {
    const bucket = bucketOf(1_000);
    bucket.setAwaited(0, true);
    takeAll(bucket, 0);
    bucket.setAwaited(0, false);
    expect(takeAll(bucket, 300)).toBe(10);
  });

  test("a call that waited a moment ago counts as waiting, as while all connections are busy", () => {
    const bucket = bucketOf(1_000);
    bucket.setAwaited(0, true);
    takeAll(bucket, 0);
    bucket.setAwaited(0, false);
    expect(takeAll(bucket, 40)).toBe(40);
  });

  test("a bucket pays the deficit of a longer delay off slowly", () => {
    const bucket = bucketOf(1_000);
    bucket.setAwaited(0, true);
    takeAll(bucket, 0);
    // 200 tokens fell due, of which 150 are the deficit.
    expect(takeAll(bucket, 200)).toBe(50);
    let taken = 0;
    for (let now = 201; now <= 10_200; now++) taken += takeAll(bucket, now);
    expect(taken).toBeGreaterThanOrEqual(10_029);
    expect(taken).toBeLessThanOrEqual(10_031);
    for (let now = 10_201; now <= 60_200; now++) taken += takeAll(bucket, now);
    // The bucket has paid the whole deficit and nothing beyond it.
    expect(taken).toBeGreaterThanOrEqual(60_149);
    expect(taken).toBeLessThanOrEqual(60_151);
  });

  test("a bucket forgets its deficit when no call waits any more", () => {
    const bucket = bucketOf(1_000);
    bucket.setAwaited(0, true);
    expect(takeAll(bucket, 200)).toBe(50);
    bucket.setAwaited(200, false);
    expect(takeAll(bucket, 1_000)).toBe(10);
    bucket.setAwaited(1_000, true);
    let taken = 0;
    for (let now = 1_001; now <= 6_000; now++) taken += takeAll(bucket, now);
    expect(taken).toBe(5_000);
  });

  test("a bucket gives a single token when a pause ends, and one at a time from then on", () => {
    const bucket = bucketOf(100);
    bucket.setAwaited(0, true);
    bucket.pauseUntil(2_000);
    expect(bucket.waitMs(500)).toBe(1_500);
    expect(bucket.waitMs(500, 2)).toBe(1_510);
    expect(takeAll(bucket, 1_999)).toBe(0);
    expect(takeAll(bucket, 2_000)).toBe(1);
    expect(bucket.waitMs(2_000)).toBeCloseTo(10);
  });

  test("a token that was given back can be taken again", () => {
    const bucket = bucketOf(100);
    takeAll(bucket, 0);
    bucket.giveBack(0);
    expect(takeAll(bucket, 0)).toBe(1);
  });

  test("a bucket keeps no more than the burst of a lower rate, and gets no tokens from a higher one", () => {
    const bucket = bucketOf(200);
    bucket.setRate(0, 20);
    expect(takeAll(bucket, 0)).toBe(1);
    bucket.setRate(0, 200);
    expect(takeAll(bucket, 0)).toBe(0);
    // Half a token was left.
    expect(bucket.waitMs(0)).toBeCloseTo(2.5);
  });

  test("a bucket gives a waiting call exactly the rate though it is asked up to 45 ms late", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 200, max: 5_000, noNaN: true }),
        fc.array(fc.double({ min: 0.1, max: 45, noNaN: true }), { minLength: 20, maxLength: 300 }),
        (rate, delays) => {
          const bucket = bucketOf(rate);
          bucket.setAwaited(0, true);
          expect(takeAll(bucket, 0)).toBe(bucketSizeFor(rate).burst);
          let now = 0;
          let taken = 0;
          for (const delay of delays) {
            now += delay;
            taken += takeAll(bucket, now);
            const due = (now * rate) / 1_000;
            expect(taken).toBeLessThan(due + 1e-3);
            expect(taken).toBeGreaterThan(due - 1 - 1e-3);
          }
        },
      ),
    );
  });

  test.each([4, 10, 20, 40])(
    "a bucket loses no token at %d per second to timers that are 1 or 2 ms late",
    (rate) => {
      const bucket = bucketOf(rate);
      bucket.setAwaited(0, true);
      let taken = 0;
      let now = 0;
      for (let late = 0; now < 60_000; late = (late + 0.7) % 2.1) {
        now += bucket.waitMs(now) + late;
        taken += takeAll(bucket, now);
      }
      expect(taken).toBeGreaterThan(60 * rate - 1);
      expect(taken).toBeLessThanOrEqual(60.1 * rate + 2);
    },
  );

  test("a bucket gives no more in any time than the catch-up and the rate times the catch-up factor", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.5, max: 5_000, noNaN: true }),
        fc.array(fc.tuple(fc.nat(400), fc.boolean()), { minLength: 1, maxLength: 200 }),
        (rate, steps) => {
          const { catchUp } = bucketSizeFor(rate);
          const bucket = bucketOf(rate);
          let now = 0;
          // A bucket of an upstream that refills at the catch-up rate never runs empty.
          let left = catchUp;
          for (const [ms, isAwaited] of steps) {
            bucket.setAwaited(now, isAwaited);
            now += ms;
            left =
              Math.min(catchUp, left + (ms * rate * catchUpFactor) / 1_000) - takeAll(bucket, now);
            expect(left).toBeGreaterThan(-1e-3);
          }
        },
      ),
    );
  });
});
