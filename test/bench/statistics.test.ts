import { describe, expect, test } from "vitest";
import { slopeOf } from "../../bench/statistics.ts";

describe("slopeOf", () => {
  test("a line without errors has its slope, and an interval of no width", () => {
    const { slope, low, high } = slopeOf([0, 1, 2, 3, 4, 5].map((x) => [x, 7 + 3 * x] as const));
    expect([slope, low, high].map((value) => value.toFixed(9))).toEqual(
      Array.from({ length: 3 }, () => "3.000000000"),
    );
  });

  test("slope and interval are those of a worked example", () => {
    // Slope 0.8, residual sum of squares 2.4 with three degrees of freedom, t = 3.182.
    const { slope, low, high } = slopeOf([
      [1, 1],
      [2, 3],
      [3, 2],
      [4, 3],
      [5, 5],
    ]);
    const margin = 3.182 * Math.sqrt(2.4 / 3 / 10);
    expect(slope).toBeCloseTo(0.8, 9);
    expect(high - slope).toBeCloseTo(margin, 1);
    expect(slope - low).toBeCloseTo(margin, 1);
  });

  test("errors that cancel each other give an interval that contains zero", () => {
    const points = Array.from({ length: 20 }, (_, x) => [x, x % 4 === 1 || x % 4 === 2 ? 1 : 0]);
    const { low, high } = slopeOf(points.map(([x = 0, y = 0]) => [x, y] as const));
    expect(low).toBeLessThan(0);
    expect(high).toBeGreaterThan(0);
  });

  test("an interval holds the true slope in 95 of 100 samples", () => {
    let seed = 1;
    const random = (): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const normal = (): number =>
      Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
    const runs = 4_000;
    let holding = 0;
    for (let run = 0; run < runs; run += 1) {
      const points = Array.from({ length: 8 }, (_, x) => [x, 2 * x + normal()] as const);
      const { low, high } = slopeOf(points);
      if (low <= 2 && high >= 2) holding += 1;
    }
    expect(holding / runs).toBeGreaterThan(0.93);
    expect(holding / runs).toBeLessThan(0.97);
  });
});
