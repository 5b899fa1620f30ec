import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../../../../src/platform/clock.ts";
import { createRateLimiter } from "../../../../../src/upstream/rate-limit/permits/rate-limiter.ts";
import type { Permits } from "../../../../../src/upstream/rate-limit/permits/permits.ts";
import { densestSecond, spendAll } from "./spend-all.ts";

/**
 * Makes every timer of at least `fromMs` late by up to `mostMs`, as in a process that must wait for
 * the processor.
 */
function delayTimers(mostMs: number, fromMs = 0): void {
  const { setTimeout } = globalThis;
  let turn = 0;
  vi.stubGlobal("setTimeout", (callback: () => void, ms = 0) => {
    // The delays are spread evenly and are the same in each run.
    turn = (turn + 0.618) % 1;
    return setTimeout(callback, ms < fromMs ? ms : ms + turn * mostMs);
  });
}

const limiter = (rate: number): Permits => createRateLimiter({ clock: systemClock, rate });

describe("the throughput of the rate limiter", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  test.each([0.5, 4, 20, 98.5, 300, 2_000, 4_900])(
    "a limiter at %d per second gives that rate to waiting calls and keeps each second within the quota",
    async (rate) => {
      const permits = limiter(rate);
      const times = spendAll(permits);
      const seconds = rate < 10 ? 60 : 5;
      await vi.advanceTimersByTimeAsync(seconds * 1_000);
      permits.close();
      // The window holds back a rate that is not the 98.5 % of a whole number.
      const least = Math.min(rate, Math.max(1, Math.round(rate / 0.985)) / 1.012);
      expect(times.length).toBeGreaterThan(least * seconds - 1);
      // The burst of the start is added.
      expect(times.length).toBeLessThanOrEqual(rate * seconds + 11);
      expect(densestSecond(times)).toBeLessThanOrEqual(Math.max(1, Math.round(rate / 0.985)));
    },
  );

  test.each([98.5, 197, 300, 2_000])(
    "two seconds after the burst of the start, permits at %d per second come evenly",
    async (rate) => {
      const permits = limiter(rate);
      const times = spendAll(permits);
      await vi.advanceTimersByTimeAsync(6_000);
      permits.close();
      const even = times.filter((at) => at - (times[0] ?? at) > 2_000);
      const pauses = even.slice(1).map((at, index) => at - (even[index] ?? at));
      // If the burst came back, it would follow a pause of up to 41 ms.
      expect(Math.max(...pauses)).toBeLessThan(1_000 / rate + 12);
      expect(even.length).toBeGreaterThan(0.995 * rate * 4 - 2);
    },
  );

  test.each([
    [98.5, 20, 0.99],
    [300, 20, 0.99],
    [2_000, 20, 0.99],
    [2_000, 40, 0.975],
  ])(
    "a limiter at %d per second keeps that rate though each timer is up to %d ms late",
    async (rate, lateMs, share) => {
      delayTimers(lateMs);
      const permits = limiter(rate);
      const times = spendAll(permits);
      await vi.advanceTimersByTimeAsync(2_000);
      const before = times.length;
      await vi.advanceTimersByTimeAsync(20_000);
      permits.close();
      // A timer frees each place in the window for the next request. Its delay beyond 3 ms
      // lengthens the cycle.
      expect((times.length - before) / (20 * rate)).toBeGreaterThan(share);
      expect((times.length - before) / (20 * rate)).toBeLessThan(1.005);
      expect(densestSecond(times)).toBeLessThanOrEqual(Math.round(rate / 0.985));
    },
  );

  test("the limiter keeps its rate while Bottleneck jobs are 300 ms late", async () => {
    const permits = limiter(1_000);
    const times = spendAll(permits);
    await vi.advanceTimersByTimeAsync(3_000);
    delayTimers(300, 20);
    const before = times.length;
    await vi.advanceTimersByTimeAsync(300);
    permits.close();
    expect(times.length - before).toBeGreaterThan(280);
  });
});

describe("the rate limiter in real time", () => {
  test("the limiter gives no burst after the event loop was blocked", async () => {
    const permits = limiter(98.5);
    const times = spendAll(permits);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const stalledAt = systemClock.now();
    while (systemClock.now() < stalledAt + 300);
    const awakeAt = systemClock.now();
    await new Promise((resolve) => setTimeout(resolve, 400));
    permits.close();
    const burst = times.filter((at) => at >= awakeAt && at < awakeAt + 5);
    expect(burst.length).toBeLessThanOrEqual(6);
    expect(densestSecond(times)).toBeLessThanOrEqual(100);
    expect(times.filter((at) => at > awakeAt).length).toBeGreaterThan(10);
  });
});
