import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../../../../src/platform/clock.ts";
import { createRateLimiter } from "../../../../../src/upstream/rate-limit/permits/rate-limiter.ts";
import type { Permits } from "../../../../../src/upstream/rate-limit/permits/permits.ts";
import { densestSecond, spendAll } from "./spend-all.ts";

const mint = (rate: number, guardMs?: number): Permits =>
  createRateLimiter({ clock: systemClock, rate, guardMs });

describe("the permit mint", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("gives the permits of a full bucket at once, without any timer", () => {
    const permits = mint(100);
    expect([permits.tryTake(), permits.tryTake()]).toEqual([true, true]);
    expect(vi.getTimerCount()).toBe(0);
    permits.close();
  });

  test("tells how many could be spent, which is as many as can be", async () => {
    const permits = mint(100);
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

  test("fills the bucket again and is then at rest", async () => {
    const permits = mint(100);
    for (let taken = 0; taken < 5; taken++) expect(permits.tryTake()).toBe(true);
    expect(permits.tryTake()).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    expect(permits.tryTake()).toBe(true);
    await vi.advanceTimersByTimeAsync(200);
    expect(vi.getTimerCount()).toBe(0);
    permits.close();
  });

  test("keeps a burst after idleness within the quota of its second", async () => {
    const permits = mint(98.5);
    await vi.advanceTimersByTimeAsync(10_000);
    const times = spendAll(permits);
    expect(times.length).toBe(5);
    await vi.advanceTimersByTimeAsync(5_000);
    permits.close();
    expect(densestSecond(times)).toBe(100);
  });

  test("follows a new rate, up and down", async () => {
    const permits = mint(100);
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

  test("keeps the second of the quota full while little is sent for another reason", async () => {
    const permits = mint(100);
    const times = spendAll(permits);
    await vi.advanceTimersByTimeAsync(1_000);
    permits.setRate(4, 100);
    const before = times.length;
    await vi.advanceTimersByTimeAsync(600);
    // With the window of four per second, none of what was sent before would have left room.
    expect(times.length - before).toBeGreaterThanOrEqual(2);
    permits.setRate(4);
    const narrowed = times.length;
    await vi.advanceTimersByTimeAsync(350);
    expect(times.length - narrowed).toBe(0);
    permits.close();
  });

  test("a request that arrived late counts from then on", async () => {
    const permits = mint(100, 0);
    const times = spendAll(permits);
    await vi.advanceTimersByTimeAsync(60);
    const first = times.length;
    for (const at of times.slice()) permits.recordSentAt(at, systemClock.now());
    await vi.advanceTimersByTimeAsync(1_500);
    permits.close();
    const heldUp = times.map((at, index) => (index < first ? 60 : at - (times[0] ?? 0)));
    expect(densestSecond(heldUp)).toBeLessThanOrEqual(102);
  });

  test("requests that all arrive late by the same time are not counted twice", async () => {
    const permits = mint(100);
    const times = spendAll(permits);
    let told = 0;
    for (let ms = 0; ms < 6_000; ms += 5) {
      await vi.advanceTimersByTimeAsync(5);
      const now = systemClock.now();
      for (; (times[told] ?? Infinity) <= now - 25; told++)
        permits.recordSentAt(times[told] ?? 0, now);
    }
    permits.close();
    expect(times.filter((at) => at - (times[0] ?? 0) > 1_000).length).toBeGreaterThan(485);
  });

  test("follows a rise from a very low rate without waiting out the old pace", async () => {
    const permits = mint(0.5);
    const times = spendAll(permits);
    await vi.advanceTimersByTimeAsync(100);
    permits.setRate(100);
    const before = times.length;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(times.length - before).toBeGreaterThan(80);
    permits.close();
  });

  test("takes up the last of many changes of the rate within 100 ms", async () => {
    const permits = mint(10);
    const times = spendAll(permits);
    for (let rate = 11; rate <= 200; rate++) permits.setRate(rate);
    await vi.advanceTimersByTimeAsync(300);
    const before = times.length;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(times.length - before).toBeGreaterThan(170);
    permits.close();
  });

  test("gives nothing during a pause, and a single permit when it is over", async () => {
    const permits = mint(100);
    const times = spendAll(permits);
    await vi.advanceTimersByTimeAsync(505);
    const before = times.length;
    const start = systemClock.now();
    permits.pauseUntil(start + 2_000);
    expect(permits.tryTake()).toBe(false);
    expect(permits.delayMs(1)).toBe(2_010);
    await vi.advanceTimersByTimeAsync(1_999);
    expect(times.length).toBe(before);
    await vi.advanceTimersByTimeAsync(100);
    const resumed = times.slice(before);
    expect(resumed.length).toBeGreaterThan(5);
    expect(resumed[0]).toBeGreaterThanOrEqual(start + 2_000);
    expect((resumed[1] ?? 0) - (resumed[0] ?? 0)).toBeGreaterThan(5);
    permits.close();
  });

  test("discards at a pause what an idle gateway held ready", async () => {
    const permits = mint(100);
    permits.pauseUntil(systemClock.now() + 1_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(permits.tryTake()).toBe(false);
    expect(permits.delayMs(1)).toBe(10);
    permits.close();
  });

  test("discards at a pause what is given back during it", async () => {
    const permits = mint(100);
    for (let taken = 0; taken < 5; taken++) permits.tryTake();
    permits.pauseUntil(systemClock.now() + 1_000);
    for (let given = 0; given < 5; given++) permits.refund();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(permits.tryTake()).toBe(false);
    permits.close();
  });

  test("never shortens a pause", () => {
    const permits = mint(100);
    permits.pauseUntil(systemClock.now() + 500);
    const until = permits.pausedUntil;
    permits.pauseUntil(systemClock.now() + 100);
    expect(permits.pausedUntil).toBe(until);
    permits.close();
  });

  test("tells the one who waits that a pause begins", () => {
    const permits = mint(100);
    while (permits.tryTake());
    const waiter = vi.fn();
    permits.whenAvailable(waiter);
    expect(waiter).not.toHaveBeenCalled();
    permits.pauseUntil(systemClock.now() + 500);
    expect(waiter).toHaveBeenCalledTimes(1);
    permits.close();
  });

  test("calls back once, only the newest waiter, and nobody who cancelled", async () => {
    const permits = mint(100);
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

  test("calls a waiter back, though not before it returns, when a permit is there already, without a timer", async () => {
    const permits = mint(100);
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

  test("hands a refunded permit to the one who waits", async () => {
    const permits = mint(1);
    expect(permits.tryTake()).toBe(true);
    const waiter = vi.fn(() => permits.tryTake());
    permits.whenAvailable(waiter);
    permits.refund();
    await vi.advanceTimersByTimeAsync(2);
    expect(waiter).toHaveReturnedWith(true);
    permits.close();
  });

  test("leaves no timer behind and calls nobody once closed", async () => {
    const permits = mint(100);
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

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses %d as a rate", (rate) => {
    expect(() => mint(rate)).toThrow(RangeError);
    const permits = mint(1);
    expect(() => permits.setRate(rate)).toThrow(RangeError);
    permits.close();
  });

  test("tells how long several permits take", () => {
    const permits = mint(100);
    expect(permits.delayMs(5)).toBe(0);
    expect(permits.delayMs(25)).toBe(200);
    permits.close();
  });
});
