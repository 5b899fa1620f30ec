import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bucketSizeFor } from "../../../../../src/upstream/rate-limit/permits/bucket-size.ts";

const anyRate = fc.double({ min: 0.5, max: 100_000, noNaN: true });

describe("the pace of the mint", () => {
  test.each([
    [0.5, 1, 1],
    [10, 1, 1],
    [20, 2, 1],
    [98.5, 10, 5],
    [200, 20, 10],
    [2_000, 200, 10],
  ])("at %d permits per second grants %d per job and lets %d go at once", (rate, grant, burst) => {
    expect(bucketSizeFor(rate)).toMatchObject({ rate, grant, burst });
  });

  test("asks Bottleneck for few jobs, whatever the rate, and for a little more than the rate", () => {
    fc.assert(
      fc.property(anyRate, (rate) => {
        const { grant, minTimeMs, depth } = bucketSizeFor(rate);
        expect((grant * 1_000) / minTimeMs / rate).toBeCloseTo(1.02, 9);
        expect(1_000 / minTimeMs).toBeLessThanOrEqual(10.21);
        expect(depth).toBeGreaterThanOrEqual(2);
        expect(depth).toBeLessThanOrEqual(4);
      }),
    );
  });

  test("never lets more than a twentieth of a second come at once, or the one permit that has to", () => {
    fc.assert(
      fc.property(anyRate, (rate) => {
        const { burst, catchUp } = bucketSizeFor(rate);
        expect(burst).toBeLessThanOrEqual(10);
        expect(burst).toBeLessThanOrEqual(catchUp);
        expect(Math.floor(catchUp)).toBeLessThanOrEqual(Math.max(1, 0.05 * rate + 0.5));
      }),
    );
  });

  test("keeps more in stock than may come at once, and more while somebody waits", () => {
    fc.assert(
      fc.property(anyRate, (rate) => {
        const { grant, burst, catchUp, leastStock, mostStock } = bucketSizeFor(rate);
        expect(leastStock).toBeLessThan(grant + burst);
        expect(mostStock).toBeGreaterThan(leastStock + grant / 2);
        expect(mostStock).toBeGreaterThanOrEqual(Math.floor(catchUp));
      }),
    );
  });
});
