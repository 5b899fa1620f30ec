import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../../../../src/platform/clock.ts";
import { createRateLimiter } from "../../../../../src/upstream/rate-limit/permits/rate-limiter.ts";
import type { RateLimiter } from "../../../../../src/upstream/rate-limit/permits/rate-limiter.ts";
import { densestSecond, spendAll } from "./spend-all.ts";

const limiter = (rate: number, guardMs?: number): RateLimiter =>
  createRateLimiter({ clock: systemClock, rate, guardMs });

describe("the rate limiter", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("a limiter gives the permits of a full bucket at once and sets no timer", () => {
    const permits = limiter(100);
    expect([permits.tryTake(), permits.tryTake()]).toEqual([true, true]);
    expect(vi.getTimerCount()).toBe(0);
    permits.close();
  });

  test("the number of ready permits is the number that can be taken", async () => {
    const permits = limiter(100);
    const spend = (): number => {
      let taken = 0;
      while (permits.tryTake()) taken += 1;
      return taken;
    };
    for (const ms of [0, 13, 40, 300]) {
      await vi.advanceTimersByTimeAsync(ms);
      const { ready } = permits;
      expect(spend()).toBe(ready);
      expect(permits.ready).toBe(0);
    }
    await vi.advanceTimersByTimeAsync(1_000);
    permits.pauseUntil(systemClock.now() + 50);
    expect(permits.ready).toBe(0);
    permits.close();
  });

  test("the bucket fills again after it was emptied, and no timer is left then", async () => {
    const permits = limiter(100);
    for (let taken = 0; taken < 5; taken++) expect(permits.tryTake()).toBe(true);
    expect(permits.tryTake()).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    expect(permits.tryTake()).toBe(true);
    await vi.advanceTimersByTimeAsync(200);
    expect(vi.getTimerCount()).toBe(0);
    permits.close();
  });

  test("a burst after an idle time stays within the quota of its second", async () => {
    const permits = limiter(98.5);
    await vi.advanceTimersByTimeAsync(10_000);
    const times = spendAll(permits);
    expect(times.length).toBe(5);
    await vi.advanceTimersByTimeAsync(5_000);
    permits.close();
    expect(densestSecond(times)).toBe(100);
  });

  test("the limiter follows a new rate, up and down", async () => {
    const permits = limiter(100);
    const times = spendAll(permits);
    for (const rate of [400, 50, 200]) {
      permits.setRate(rate);
      await vi.advanceTimersByTimeAsync(2_000);
      const before = times.length;
      await vi.advanceTimersByTimeAsync(4_000);
      expect((times.length - before) / (4 * rate)).toBeGreaterThan(0.98);
      expect((times.length - before) / (4 * rate)).toBeLessThan(1.02);
      expect(permits.rate).toBe(rate);
    }
    permits.close();
  });

  test("the sliding window keeps the size of the quota while the rate is low for another reason", async () => {
    const permits = limiter(100);
    const times = spendAll(permits);
    await vi.advanceTimersByTimeAsync(1_000);
    permits.setRate(4, 100);
    const before = times.length;
    await vi.advanceTimersByTimeAsync(600);
    // With a window of four per second, the earlier requests would have left no room.
    expect(times.length - before).toBeGreaterThanOrEqual(2);
    permits.setRate(4);
    const narrowed = times.length;
    await vi.advanceTimersByTimeAsync(350);
    expect(times.length - narrowed).toBe(0);
    permits.close();
  });

  test("a request that was sent late counts from the time at which it was sent", async () => {
    const permits = limiter(100, 0);
    const times = spendAll(permits);
    await vi.advanceTimersByTimeAsync(60);
    const first = times.length;
    for (const at of times.slice()) permits.recordSentAt(at, systemClock.now());
    await vi.advanceTimersByTimeAsync(1_500);
    permits.close();
    const heldUp = times.map((at, index) => (index < first ? 60 : at - (times[0] ?? 0)));
    expect(densestSecond(heldUp)).toBeLessThanOrEqual(102);
  });

  test("requests that are all late by the same time are not counted twice", async () => {
    const permits = limiter(100);
    const times = spendAll(permits);
    let reported = 0;
    for (let ms = 0; ms < 6_000; ms += 5) {
      await vi.advanceTimersByTimeAsync(5);
      const now = systemClock.now();
      for (; (times[reported] ?? Infinity) <= now - 25; reported++)
        permits.recordSentAt(times[reported] ?? 0, now);
    }
    permits.close();
    expect(times.filter((at) => at - (times[0] ?? 0) > 1_000).length).toBeGreaterThan(485);
  });

  test("a rise from a very low rate takes effect before the next permit of the old rate", async () => {
    const permits = limiter(0.5);
    const times = spendAll(permits);
    await vi.advanceTimersByTimeAsync(100);
    permits.setRate(100);
    const before = times.length;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(times.length - before).toBeGreaterThan(80);
    permits.close();
  });

  test("the last of many changes of the rate is in force within 300 ms", async () => {
    const permits = limiter(10);
    const times = spendAll(permits);
    for (let rate = 11; rate <= 200; rate++) permits.setRate(rate);
    await vi.advanceTimersByTimeAsync(300);
    const before = times.length;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(times.length - before).toBeGreaterThan(170);
    permits.close();
  });

  test("the limiter gives no permit during a pause, and one at a time when it is over", async () => {
    const permits = limiter(100);
    const times = spendAll(permits);
    await vi.advanceTimersByTimeAsync(505);
    const before = times.length;
    const start = systemClock.now();
    permits.pauseUntil(start + 2_000);
    expect(permits.tryTake()).toBe(false);
    expect([permits.delayMs(1), permits.delayMs(2)]).toEqual([2_000, 2_010]);
    await vi.advanceTimersByTimeAsync(1_999);
    expect(times.length).toBe(before);
    await vi.advanceTimersByTimeAsync(100);
    const resumed = times.slice(before);
    expect(resumed.length).toBeGreaterThan(5);
    expect(resumed[0]).toBeGreaterThanOrEqual(start + 2_000);
    expect((resumed[1] ?? 0) - (resumed[0] ?? 0)).toBeGreaterThan(5);
    permits.close();
  });

  test("a pause leaves a single permit of the full bucket of an idle limiter", async () => {
    const permits = limiter(100);
    permits.pauseUntil(systemClock.now() + 1_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([permits.tryTake(), permits.tryTake()]).toEqual([true, false]);
    expect(permits.delayMs(1)).toBe(10);
    permits.close();
  });

  test("a permit that is refunded during a pause is discarded", async () => {
    const permits = limiter(100);
    for (let taken = 0; taken < 5; taken++) permits.tryTake();
    permits.pauseUntil(systemClock.now() + 1_000);
    for (let given = 0; given < 5; given++) permits.refund();
    await vi.advanceTimersByTimeAsync(1_000);
    expect([permits.tryTake(), permits.tryTake()]).toEqual([true, false]);
    permits.close();
  });

  test("a later, shorter pause does not shorten the present one", () => {
    const permits = limiter(100);
    permits.pauseUntil(systemClock.now() + 500);
    const until = permits.pausedUntil;
    permits.pauseUntil(systemClock.now() + 100);
    expect(permits.pausedUntil).toBe(until);
    permits.close();
  });

  test("the waiter is called when a pause begins", () => {
    const permits = limiter(100);
    while (permits.tryTake());
    const waiter = vi.fn();
    permits.whenAvailable(waiter);
    expect(waiter).not.toHaveBeenCalled();
    permits.pauseUntil(systemClock.now() + 500);
    expect(waiter).toHaveBeenCalledTimes(1);
    permits.close();
  });

  test("only the newest waiter is called, once, and a cancelled one is not", async () => {
    const permits = limiter(100);
    while (permits.tryTake());
    const [first, second] = [vi.fn(), vi.fn()];
    permits.whenAvailable(first);
    permits.whenAvailable(second);
    await vi.advanceTimersByTimeAsync(500);
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([0, 1]);

    permits.whenAvailable(first);
    permits.whenAvailable(undefined);
    await vi.advanceTimersByTimeAsync(500);
    expect(first).not.toHaveBeenCalled();
    permits.close();
  });

  test("a waiter for a permit that is there is called by a microtask, without a timer", async () => {
    const permits = limiter(100);
    const [older, newer, cancelled] = [vi.fn(), vi.fn(), vi.fn()];
    permits.whenAvailable(older);
    permits.whenAvailable(newer);
    expect(newer).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
    await Promise.resolve();
    expect([older.mock.calls.length, newer.mock.calls.length]).toEqual([0, 1]);

    permits.whenAvailable(cancelled);
    permits.whenAvailable(undefined);
    await Promise.resolve();
    expect(cancelled).not.toHaveBeenCalled();
    permits.close();
  });

  test("a refunded permit goes to the waiter", async () => {
    const permits = limiter(1);
    expect(permits.tryTake()).toBe(true);
    const waiter = vi.fn(() => permits.tryTake());
    permits.whenAvailable(waiter);
    permits.refund();
    await vi.advanceTimersByTimeAsync(2);
    expect(waiter).toHaveReturnedWith(true);
    permits.close();
  });

  test("a closed limiter leaves no timer, gives no permit and calls no waiter", async () => {
    const permits = limiter(100);
    const times = spendAll(permits);
    await vi.advanceTimersByTimeAsync(500);
    permits.close();
    const before = times.length;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(times.length).toBe(before);
    expect(permits.tryTake()).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
    permits.close();
  });

  test.each([0, -1, Number.NaN])("the rate %d is rejected with a RangeError", (rate) => {
    expect(() => limiter(rate)).toThrow(RangeError);
    const permits = limiter(1);
    expect(() => permits.setRate(rate)).toThrow(RangeError);
    permits.close();
  });

  test("a finite rate with an infinite quota is rejected with a RangeError", () => {
    const permits = limiter(1);
    expect(() => permits.setRate(1, Number.POSITIVE_INFINITY)).toThrow(RangeError);
    permits.close();
  });

  test("the delay of several permits is the time until the last of them", () => {
    const permits = limiter(100);
    expect(permits.delayMs(5)).toBe(0);
    expect(permits.delayMs(25)).toBe(200);
    permits.close();
  });
});
