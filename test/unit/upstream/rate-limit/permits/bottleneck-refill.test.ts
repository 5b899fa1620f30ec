import Bottleneck from "bottleneck";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../../../../src/platform/clock.ts";
import { createBottleneckRefill } from "../../../../../src/upstream/rate-limit/permits/bottleneck-refill.ts";
import { createRateLimiter } from "../../../../../src/upstream/rate-limit/permits/rate-limiter.ts";
import { densestSecond, spendAll } from "./spend-all.ts";

const now = (): number => systemClock.now();

// Bottleneck has its own timers. Faked timers drive it; a driven clock would not.
describe("the refill by Bottleneck", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  test("a requested refill runs once, and a second request while it is pending adds none", async () => {
    const onRefill = vi.fn();
    const refill = createBottleneckRefill(onRefill);
    refill.request(now());
    refill.request(now());
    await vi.advanceTimersByTimeAsync(1_000);
    expect(onRefill).toHaveBeenCalledOnce();
    refill.close();
  });

  test("refills that are requested again at once run 100 ms apart", async () => {
    const times: number[] = [];
    const refill = createBottleneckRefill(() => {
      times.push(now());
      refill.request(now());
    });
    refill.request(now());
    await vi.advanceTimersByTimeAsync(1_000);
    refill.close();
    expect(times.length).toBeGreaterThanOrEqual(9);
    for (const [index, at] of times.entries()) {
      // Bottleneck counts whole milliseconds of the wall clock.
      if (index > 0) expect(at - (times[index - 1] ?? 0)).toBeGreaterThanOrEqual(98);
    }
  });

  test("a refill that is pending on close never runs and leaves no timer", async () => {
    const onRefill = vi.fn();
    const refill = createBottleneckRefill(onRefill);
    refill.request(now());
    await vi.advanceTimersByTimeAsync(10);
    refill.request(now());
    refill.close();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(onRefill).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a refill that the wall clock holds up is replaced within two seconds", async () => {
    const times: number[] = [];
    const refill = createBottleneckRefill(() => times.push(now()));
    refill.request(now());
    await vi.advanceTimersByTimeAsync(10);
    vi.setSystemTime(Date.now() - 3_600_000);
    const setBackAt = now();
    for (let ms = 0; ms < 2_000; ms += 50) {
      refill.request(now());
      await vi.advanceTimersByTimeAsync(50);
    }
    refill.close();
    expect(times.filter((at) => at > setBackAt).length).toBeGreaterThan(3);
  });

  test("a limiter of any rate schedules ten jobs a second while calls wait", async () => {
    const schedule = vi.spyOn(Bottleneck.prototype, "schedule");
    for (const rate of [100, 300, 2_000]) {
      schedule.mockClear();
      const permits = createRateLimiter({ clock: systemClock, rate });
      spendAll(permits);
      await vi.advanceTimersByTimeAsync(10_000);
      permits.close();
      expect(schedule.mock.calls.length).toBeGreaterThan(90);
      expect(schedule.mock.calls.length).toBeLessThan(110);
    }
  });

  test("a limiter schedules no job while its rate is unlimited, or while it is paused", async () => {
    const schedule = vi.spyOn(Bottleneck.prototype, "schedule");
    const permits = createRateLimiter({ clock: systemClock, rate: Number.POSITIVE_INFINITY });
    permits.tryTake();
    permits.pauseUntil(now() + 1_000);
    permits.whenAvailable(() => {});
    permits.setRate(100);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(schedule).not.toHaveBeenCalled();
    permits.close();
  });

  test("a limiter keeps its rate when the wall clock is set back by an hour", async () => {
    const permits = createRateLimiter({ clock: systemClock, rate: 100 });
    const times = spendAll(permits);
    await vi.advanceTimersByTimeAsync(1_000);
    vi.setSystemTime(Date.now() - 3_600_000);
    const before = times.length;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(times.length - before).toBeGreaterThan(450);
    expect(densestSecond(times)).toBeLessThanOrEqual(102);
    permits.close();
  });
});
