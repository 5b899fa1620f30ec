import { describe, expect, test } from "vitest";
import { bucketSize, createPermitBucket, paceOf } from "../../../src/upstream/permit-bucket.ts";

describe("the pace of the mint", () => {
  test.each([
    [0.5, 1, 2_000, 2],
    [20, 1, 50, 2],
    [100, 1, 10, 4],
    [200, 1, 5, 8],
    [201, 2, 2_000 / 201, 5],
    [2_000, 10, 5, 8],
    [4_900, 25, 25_000 / 4_900, 8],
  ])("at %d permits per second grants %d each %d ms, %d jobs ahead", (rate, grant, ms, depth) => {
    expect(paceOf(rate)).toEqual({ grant, minTimeMs: ms, depth });
  });

  test.each([
    [0.5, 1],
    [20, 1],
    [100, 5],
    [200, 10],
    [1_000, 10],
    [2_000, 20],
  ])("holds at %d permits per second %d ready", (rate, size) => {
    expect(bucketSize(rate)).toBe(size);
  });
});

describe("the bucket", () => {
  test("starts full and keeps no more than its size", () => {
    const bucket = createPermitBucket(0, 100);
    expect(bucket.level).toBe(5);
    bucket.add(0, 1);
    expect(bucket.level).toBe(5);
    bucket.take();
    bucket.giveBack();
    bucket.giveBack();
    expect(bucket.level).toBe(5);
  });

  test("takes every grant that comes at its pace, also a little early or late", () => {
    const bucket = createPermitBucket(0, 100);
    bucket.clear();
    let spent = 0;
    for (let grant = 1; grant <= 1_000; grant++) {
      bucket.add(grant * 10 + (grant % 3) - 1, 1);
      while (bucket.level > 0) {
        bucket.take();
        spent += 1;
      }
    }
    expect(spent).toBe(1_000);
  });

  test("lets no more through after a stall than the burst, though it is spent at once", () => {
    const bucket = createPermitBucket(0, 100);
    bucket.clear();
    let spent = 0;
    for (let grant = 0; grant < 30; grant++) {
      bucket.add(300, 1);
      if (bucket.level === 0) continue;
      bucket.take();
      spent += 1;
    }
    expect(spent).toBe(5);
  });

  test("shrinks with the rate", () => {
    const bucket = createPermitBucket(0, 200);
    bucket.setRate(0, 20);
    expect([bucket.level, bucket.size]).toEqual([1, 1]);
  });
});
