import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createLatencyEstimate } from "../../../../src/upstream/rate-limit/latency-estimate.ts";

const of = (samples: readonly number[], everyMs = 10, initialMs?: number) => {
  const time = createLatencyEstimate({ initialMs });
  let now = 0;
  for (const sample of samples) time.onAnswer("interactive", sample, (now += everyMs));
  return { time, now, typicalMs: time.typicalMs("interactive", now) };
};
const repeated = (count: number, sample: number): number[] =>
  Array.from({ length: count }, () => sample);

describe("the latency estimate", () => {
  test("the estimate of every class is 20 ms without samples", () => {
    const time = createLatencyEstimate();

    for (const priority of ["interactive", "management", "bulk"] as const) {
      expect(time.typicalMs(priority, 1e9)).toBe(20);
    }
  });

  test.each([2, 20, 85, 900])(
    "the estimate settles within 100 exchanges that all take %d ms",
    (ms) => {
      expect(of(repeated(100, ms)).typicalMs).toBeCloseTo(ms, 6);
    },
  );

  test("the estimate is the median, not the mean", () => {
    const samples = Array.from({ length: 3_000 }, (_, at) => (at % 10 < 3 ? 3_000 : 40));

    expect(of(samples).typicalMs).toBeGreaterThan(35);
    expect(of(samples).typicalMs).toBeLessThan(50);
  });

  test("an exchange that hangs moves the estimate little", () => {
    const before = of(repeated(100, 40));

    before.time.onAnswer("interactive", 30_000, before.now);

    expect(before.time.typicalMs("interactive", before.now)).toBeCloseTo(42, 6);
  });

  test("the first exchange alone does not set the estimate, since it may include connecting", () => {
    expect(of([900]).typicalMs).toBe(30);
  });

  test("each class has its own estimate", () => {
    const { time, now } = of(repeated(100, 40));
    for (const _ of repeated(200, 0)) time.onAnswer("management", 4_000, now);

    expect(time.typicalMs("interactive", now)).toBeCloseTo(40, 6);
    expect(time.typicalMs("management", now)).toBeCloseTo(4_000, 6);
    expect(time.typicalMs("bulk", now)).toBe(20);
  });

  test("exchanges that were given up raise the estimate and never lower it", () => {
    const { time, now } = of(repeated(100, 40));

    time.onGivenUp("interactive", 5, now);
    expect(time.typicalMs("interactive", now)).toBeCloseTo(40, 6);

    time.onGivenUp("interactive", 100, now);
    expect(time.typicalMs("interactive", now)).toBeCloseTo(42, 6);
  });

  test("a high estimate falls without samples, so that rejections end by themselves", () => {
    const { time, now, typicalMs } = of(repeated(200, 1_600));
    expect(typicalMs).toBeCloseTo(1_600, 6);

    expect(time.typicalMs("interactive", now + 1_000)).toBeCloseTo(1_600, 6);
    expect(time.typicalMs("interactive", now + 2_000)).toBeCloseTo(800, 6);
    expect(time.typicalMs("interactive", now + 4_000)).toBeCloseTo(200, 6);
    expect(time.typicalMs("interactive", now + 60_000)).toBe(20);
  });

  test("a low estimate does not grow without samples", () => {
    const { time, now } = of(repeated(100, 3));

    expect(time.typicalMs("interactive", now + 60_000)).toBeCloseTo(3, 6);
  });

  test("the estimate stays within the samples and the initial value", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ ms: fc.double({ min: 0, max: 60_000, noNaN: true }), gap: fc.nat(5_000) }),
        ),
        (samples) => {
          const time = createLatencyEstimate();
          let now = 0;
          for (const { ms, gap } of samples) time.onAnswer("bulk", ms, (now += gap));
          const typicalMs = time.typicalMs("bulk", now);
          const all = [20, ...samples.map(({ ms }) => ms)];
          expect(typicalMs).toBeGreaterThanOrEqual(Math.max(0.5, Math.min(...all)) - 1e-9);
          expect(typicalMs).toBeLessThanOrEqual(Math.max(...all) + 1e-9);
        },
      ),
    );
  });

  test("the estimate recovers from exchanges of 0 ms", () => {
    const none = of(repeated(50_000, 0));
    expect(none.typicalMs).toBe(0.5);

    for (const _ of repeated(200, 0)) none.time.onAnswer("interactive", 40, none.now);

    expect(none.time.typicalMs("interactive", none.now)).toBeCloseTo(40, 6);
  });
});
