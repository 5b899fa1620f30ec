import { describe, expect, test } from "vitest";
import { createUnlimitedPermits } from "../../../../../src/upstream/rate-limit/permits/unlimited-permits.ts";
import { createDrivenClock } from "../../../../support/driven-clock.ts";

/** With a waiter that counts how often it is called. */
function create() {
  const clock = createDrivenClock();
  const permits = createUnlimitedPermits(clock);
  const calls = { first: 0, second: 0 };
  const wait = (): void => permits.whenAvailable(() => (calls.first += 1));
  return { clock, permits, calls, wait };
}

test("permits are without end and without a timer", () => {
  const { clock, permits } = create();
  for (let taken = 0; taken < 10_000; taken++) expect(permits.tryTake()).toBe(true);
  permits.refund();
  expect(permits.delayMs(10_000)).toBe(0);
  expect(permits.rate).toBe(Number.POSITIVE_INFINITY);
  expect(permits.pausedUntil).toBe(Number.NEGATIVE_INFINITY);
  expect(clock.pending).toBe(0);
});

test("a rate does not change them", () => {
  const { permits } = create();
  permits.setRate(1);
  expect(permits.rate).toBe(Number.POSITIVE_INFINITY);
  expect([permits.tryTake(), permits.tryTake()]).toEqual([true, true]);
});

describe("a pause", () => {
  test("holds them back until it ends", async () => {
    const { clock, permits } = create();
    permits.pauseUntil(1_000);
    expect(permits.pausedUntil).toBe(1_000);
    expect(permits.tryTake()).toBe(false);
    expect(permits.delayMs(1)).toBe(1_000);
    await clock.advance(999);
    expect(permits.tryTake()).toBe(false);
    expect(permits.delayMs(5)).toBe(1);
    await clock.advance(1);
    expect(permits.tryTake()).toBe(true);
  });

  test("is not shortened by a shorter one, nor by one in the past", async () => {
    const { clock, permits } = create();
    await clock.advance(100);
    permits.pauseUntil(50);
    expect(permits.tryTake()).toBe(true);
    permits.pauseUntil(1_000);
    permits.pauseUntil(500);
    expect(permits.pausedUntil).toBe(1_000);
  });

  test("calls the waiter when it begins, so that it can see to those who cannot outlast it", async () => {
    const { permits, calls, wait } = create();
    wait();
    permits.pauseUntil(1_000);
    expect(calls.first).toBe(1);
    await Promise.resolve();
    expect(calls.first).toBe(1);
  });

  test("calls the waiter once when it ends", async () => {
    const { clock, permits, calls, wait } = create();
    permits.pauseUntil(1_000);
    wait();
    await clock.advance(999);
    expect(calls.first).toBe(0);
    await clock.advance(1);
    expect(calls.first).toBe(1);
    expect(clock.pending).toBe(0);
  });

  test("that is prolonged calls the waiter at once, and the next one at the new end", async () => {
    const { clock, permits, calls, wait } = create();
    permits.pauseUntil(1_000);
    wait();
    permits.pauseUntil(2_000);
    expect(calls.first).toBe(1);
    wait();
    await clock.advance(1_999);
    expect(calls.first).toBe(1);
    await clock.advance(1);
    expect(calls.first).toBe(2);
  });
});

describe("a waiter", () => {
  test("is called after whenAvailable has returned, in the same turn of the event loop", async () => {
    const { calls, wait } = create();
    wait();
    expect(calls.first).toBe(0);
    await Promise.resolve();
    expect(calls.first).toBe(1);
  });

  test("is replaced by a newer one", async () => {
    const { clock, permits, calls, wait } = create();
    wait();
    permits.whenAvailable(() => (calls.second += 1));
    await clock.advance(0);
    expect(calls).toEqual({ first: 0, second: 1 });
  });

  test("that is withdrawn is not called, neither at once nor after a pause", async () => {
    const { clock, permits, calls, wait } = create();
    wait();
    permits.whenAvailable(undefined);
    permits.pauseUntil(1_000);
    wait();
    permits.whenAvailable(undefined);
    expect(clock.pending).toBe(0);
    await clock.advance(2_000);
    expect(calls.first).toBe(0);
  });
});

test("after close nothing is given, nobody is called, and no timer is left", async () => {
  const { clock, permits, calls, wait } = create();
  permits.pauseUntil(1_000);
  wait();
  permits.close();
  expect(clock.pending).toBe(0);
  wait();
  permits.pauseUntil(3_000);
  await clock.advance(2_000);
  expect(calls.first).toBe(0);
  expect(permits.tryTake()).toBe(false);
});
