import { expect, test } from "vitest";
import { createDemandEstimate } from "../../../src/quota-share/demand-estimate.ts";

function arrive(estimate: ReturnType<typeof createDemandEstimate>, count: number): void {
  for (let each = 0; each < count; each += 1) estimate.arrived();
}

test("the demand is a fifth more than arrives, plus the queue within two seconds", () => {
  const estimate = createDemandEstimate(0);
  arrive(estimate, 100);
  expect(estimate.read(1_000, 0).wantsPerSecond).toBeCloseTo(120, 9);
  arrive(estimate, 100);
  expect(estimate.read(2_000, 50).wantsPerSecond).toBeCloseTo(145, 9);
});

test("the demand follows a rise at once and a fall over seconds", () => {
  const estimate = createDemandEstimate(0);
  let now = 0;
  const second = (count: number): number => {
    arrive(estimate, count);
    return estimate.read((now += 1_000), 0).wantsPerSecond;
  };
  for (let each = 0; each < 20; each += 1) second(10);
  expect(second(10)).toBeCloseTo(12, 1);
  expect(second(100)).toBeCloseTo(120, 9);
  const falling = second(0);
  expect(falling).toBeGreaterThan(12);
  expect(falling).toBeLessThan(120);
  for (let each = 0; each < 20; each += 1) second(0);
  expect(second(0)).toBeLessThan(0.1);
});

test("a few requests in one moment are no demand", () => {
  const estimate = createDemandEstimate(0);
  arrive(estimate, 5);
  expect(estimate.read(1, 0).wantsPerSecond).toBe(0);
  expect(estimate.read(1_000, 0).wantsPerSecond).toBeCloseTo(6, 9);
});

test("the demand reports what was accepted and refused in the last second", () => {
  const estimate = createDemandEstimate(0);
  for (let at = 1_000; at < 2_000; at += 10) estimate.accepted(at);
  estimate.throttled(1_995);
  const { acceptedPerSecond: accepted, throttledPerSecond: throttled } = estimate.read(1_999, 0);
  expect(accepted).toBeGreaterThan(90);
  expect(accepted).toBeLessThan(110);
  expect(throttled).toBeGreaterThan(0.9);
});

/** The need after a minute of that many calls per second, with queues of these lengths in turn. */
function needOf(perSecond: number, queues: readonly number[], latest: number): number {
  const estimate = createDemandEstimate(0);
  for (let second = 1; second <= 60; second += 1) {
    arrive(estimate, perSecond);
    for (let each = 0; each < perSecond; each += 1) estimate.accepted(second * 1_000);
    estimate.read(second * 1_000, queues[second % queues.length] ?? 0);
  }
  return estimate.read(60_000, latest).needsPerSecond;
}

test("the need is what arrives when as many calls wait as keep a random queue from running empty", () => {
  // A half more than a standard deviation of the calls of 1.5 seconds.
  expect(needOf(24, [0, 20], 9)).toBeCloseTo(24, 1);
  expect(needOf(24, [0, 20], 0)).toBeCloseTo(21, 1);
  expect(needOf(24, [0, 20], 12)).toBeCloseTo(25, 1);
  expect(needOf(0, [0], 0)).toBe(0);
});

test("the calls that are to wait where others queue are those of a second at most", () => {
  expect(needOf(2, [0, 20], 2)).toBeCloseTo(2, 2);
  expect(needOf(2, [0, 20], 5)).toBeCloseTo(3, 2);
});

test("a queue of constant length is a need for more, as of callers that wait for each answer", () => {
  expect(needOf(24, [9], 9)).toBeCloseTo(27, 0);
  expect(needOf(24, [2], 2)).toBeGreaterThan(24.2);
});

test("a queue of more than a second of the arrivals is a need to empty it in a second", () => {
  expect(needOf(24, [0, 20], 39) - needOf(24, [0, 20], 29)).toBeCloseTo(10 / 3 + 10, 1);
});
