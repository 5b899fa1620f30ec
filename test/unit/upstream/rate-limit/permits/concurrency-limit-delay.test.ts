import { expect, test } from "vitest";
import { createConcurrencyLimit } from "../../../../../src/upstream/rate-limit/permits/concurrency-limit.ts";
import { createDrivenClock } from "../../../../support/driven-clock.ts";
import { createDrivenPermits } from "./driven-permits.ts";

/** Runs a callback at once, so that a released permit can be used in the same turn. */
const immediate = (callback: () => void): void => callback();

test("the estimated wait includes the wait for a connection while all are busy", async () => {
  const clock = createDrivenClock();
  const permits = createConcurrencyLimit(
    createDrivenPermits(clock, 1_000, 1_000),
    4,
    clock,
    immediate,
  );
  expect(permits.delayMs(100)).toBe(0);
  for (let taken = 0; taken < 4; taken++) permits.tryTake();
  // The limit has measured nothing yet.
  expect(permits.delayMs(100)).toBe(0);
  for (let exchange = 0; exchange < 400; exchange++) {
    await clock.advance(25);
    permits.release();
    permits.tryTake();
  }
  expect(permits.delayMs(1)).toBeCloseTo(25);
  expect(permits.delayMs(8)).toBeCloseTo(200);
  await clock.advance(25);
  permits.release();
  expect(permits.delayMs(8)).toBe(0);

  // Time in which a connection is free gives no measurement.
  await clock.advance(60_000);
  permits.tryTake();
  expect(permits.delayMs(8)).toBeCloseTo(200);
  for (let exchange = 0; exchange < 400; exchange++) {
    await clock.advance(5);
    permits.release();
    permits.tryTake();
  }
  expect(permits.delayMs(8)).toBeCloseTo(40);
});

test("connections that come free together do not raise the estimated wait", async () => {
  const clock = createDrivenClock();
  const permits = createConcurrencyLimit(
    createDrivenPermits(clock, 1_000, 1_000),
    8,
    clock,
    immediate,
  );
  const waits: number[] = [];
  for (let round = 0; round < 50; round++) {
    while (permits.tryTake());
    await clock.advance(100);
    waits.push(permits.delayMs(8));
    for (let place = 0; place < 8; place++) permits.release();
  }
  // Eight permits are released in 100 ms.
  expect(Math.max(...waits)).toBeLessThanOrEqual(100);
  expect(waits.at(-1)).toBeGreaterThan(50);
});
