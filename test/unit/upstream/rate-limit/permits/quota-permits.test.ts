import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../../../../src/platform/clock.ts";
import type { Permits } from "../../../../../src/upstream/rate-limit/permits/permits.ts";
import { createQuotaPermits } from "../../../../../src/upstream/rate-limit/permits/_quota-permits.ts";
import { densestSecond, spendAll } from "./spend-all.ts";

const unknown = Number.POSITIVE_INFINITY;

// Bottleneck has its own timers: faked ones drive it, a driven clock would not.
describe("quota permits", () => {
  let permits: Permits;
  beforeEach(() => {
    vi.useFakeTimers();
    permits = createQuotaPermits({ clock: systemClock, rate: unknown });
  });
  afterEach(() => {
    permits.close();
    vi.useRealTimers();
  });

  test("start with the mint where the rate is known", () => {
    permits.close();
    permits = createQuotaPermits({ clock: systemClock, rate: 100 });
    expect(permits.rate).toBe(100);
    for (let taken = 0; taken < 5; taken++) expect(permits.tryTake()).toBe(true);
    expect(permits.tryTake()).toBe(false);
  });

  test("are without end as long as the rate is unknown", () => {
    permits.setRate(unknown);
    for (let taken = 0; taken < 1_000; taken++) expect(permits.tryTake()).toBe(true);
    permits.refund();
    expect(permits).toMatchObject({ rate: unknown, pausedUntil: Number.NEGATIVE_INFINITY });
    expect(permits.delayMs(1_000)).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("keep the first rate from its first second on, starting with nothing to spend", async () => {
    for (let taken = 0; taken < 1_000; taken++) permits.tryTake();
    permits.setRate(100);
    expect(permits.rate).toBe(100);
    expect(permits.tryTake()).toBe(false);
    const times = spendAll(permits);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(times.length).toBeGreaterThan(280);
    expect(densestSecond(times)).toBeLessThanOrEqual(102);
  });

  test("follow every later rate", async () => {
    permits.setRate(100);
    permits.setRate(50);
    expect(permits.rate).toBe(50);
    const times = spendAll(permits);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(times.length).toBeGreaterThan(180);
    expect(times.length).toBeLessThanOrEqual(204);
  });

  test("are without end again when the rate is no longer known, once the pause is over", async () => {
    permits.setRate(100);
    const end = systemClock.now() + 500;
    permits.pauseUntil(end);
    let calls = 0;
    permits.whenAvailable(() => (calls += 1));
    permits.setRate(unknown);
    expect(permits).toMatchObject({ rate: unknown, pausedUntil: end });
    expect(permits.tryTake()).toBe(false);
    await vi.advanceTimersByTimeAsync(500);
    expect(calls).toBe(1);
    for (let taken = 0; taken < 1_000; taken++) expect(permits.tryTake()).toBe(true);
  });

  test("carry a waiter over to the mint, and call it once", async () => {
    const calls: number[] = [];
    permits.pauseUntil(systemClock.now() + 500);
    permits.whenAvailable(() => calls.push(systemClock.now()));
    permits.setRate(100);
    await vi.advanceTimersByTimeAsync(495);
    expect(calls).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(calls).toHaveLength(1);
    expect(permits.tryTake()).toBe(true);
  });

  test("carry a waiter over that would have been called in a moment, and call it once", async () => {
    let calls = 0;
    permits.whenAvailable(() => (calls += 1));
    permits.setRate(10);
    await vi.advanceTimersByTimeAsync(90);
    expect(calls).toBe(0);
    await vi.advanceTimersByTimeAsync(200);
    expect(calls).toBe(1);
  });

  test("carry a pause over to the mint, which ends with a single permit", async () => {
    const end = systemClock.now() + 2_000;
    permits.pauseUntil(end);
    permits.setRate(100);
    expect(permits.pausedUntil).toBe(end);
    await vi.advanceTimersByTimeAsync(1_990);
    expect(permits.tryTake()).toBe(false);
    await vi.advanceTimersByTimeAsync(10);
    const times = spendAll(permits);
    await vi.advanceTimersByTimeAsync(5);
    expect(times).toHaveLength(1);
  });

  test("do not call a waiter that was withdrawn before the mint started", async () => {
    let calls = 0;
    permits.whenAvailable(() => (calls += 1));
    permits.whenAvailable(undefined);
    permits.setRate(100);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(calls).toBe(0);
  });

  test.for([unknown, 100])(
    "give nothing and call nobody after close, at a rate of %d",
    async (rate) => {
      permits.close();
      permits = createQuotaPermits({ clock: systemClock, rate });
      let calls = 0;
      permits.pauseUntil(systemClock.now() + 100);
      permits.whenAvailable(() => (calls += 1));
      permits.close();
      await vi.advanceTimersByTimeAsync(1_000);
      expect(calls).toBe(0);
      expect(permits.tryTake()).toBe(false);
      expect(vi.getTimerCount()).toBe(0);
    },
  );
});
