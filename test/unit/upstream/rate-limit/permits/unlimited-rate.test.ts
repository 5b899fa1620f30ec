import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../../../../src/platform/clock.ts";
import type { Permits } from "../../../../../src/upstream/rate-limit/permits/permits.ts";
import { createRateLimiter } from "../../../../../src/upstream/rate-limit/permits/rate-limiter.ts";
import { createDrivenClock } from "../../../../support/driven-clock.ts";
import { densestSecond, spendAll } from "./spend-all.ts";

/** Creates permits with a waiter that counts how often it is called. */
function create() {
  const clock = createDrivenClock();
  const permits = createRateLimiter({ clock, rate: Number.POSITIVE_INFINITY });
  const calls = { first: 0, second: 0 };
  const wait = (): void => permits.whenAvailable(() => (calls.first += 1));
  return { clock, permits, calls, wait };
}

test("an unlimited rate gives any number of permits and sets no timer", () => {
  const { clock, permits } = create();
  for (let taken = 0; taken < 10_000; taken++) expect(permits.tryTake()).toBe(true);
  permits.refund();
  expect(permits.delayMs(10_000)).toBe(0);
  expect(permits.rate).toBe(Number.POSITIVE_INFINITY);
  expect(permits.pausedUntil).toBe(Number.NEGATIVE_INFINITY);
  expect(clock.pending).toBe(0);
});

describe("a pause of an unlimited rate", () => {
  test("a pause holds unlimited permits back until it ends", async () => {
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

  test("a pause is not shortened by a shorter one, nor by one in the past", async () => {
    const { clock, permits } = create();
    await clock.advance(100);
    permits.pauseUntil(50);
    expect(permits.tryTake()).toBe(true);
    permits.pauseUntil(1_000);
    permits.pauseUntil(500);
    expect(permits.pausedUntil).toBe(1_000);
  });

  test("the waiter is called when a pause begins, so that it can reject calls that cannot outlast it", async () => {
    const { permits, calls, wait } = create();
    wait();
    permits.pauseUntil(1_000);
    expect(calls.first).toBe(1);
    await Promise.resolve();
    expect(calls.first).toBe(1);
  });

  test("the waiter is called once when a pause ends", async () => {
    const { clock, permits, calls, wait } = create();
    permits.pauseUntil(1_000);
    wait();
    await clock.advance(999);
    expect(calls.first).toBe(0);
    await clock.advance(1);
    expect(calls.first).toBe(1);
    expect(clock.pending).toBe(0);
  });

  test("a pause that is prolonged calls the waiter at once, and the next waiter at its new end", async () => {
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

describe("a waiter for an unlimited rate", () => {
  test("a waiter is called after whenAvailable has returned, in the same turn of the event loop", async () => {
    const { calls, wait } = create();
    wait();
    expect(calls.first).toBe(0);
    await Promise.resolve();
    expect(calls.first).toBe(1);
  });

  test("a waiter is replaced by a newer one", async () => {
    const { clock, permits, calls, wait } = create();
    wait();
    permits.whenAvailable(() => (calls.second += 1));
    await clock.advance(0);
    expect(calls).toEqual({ first: 0, second: 1 });
  });

  test("a waiter that is withdrawn is not called, neither at once nor after a pause", async () => {
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

test("a closed limiter gives no permit, calls no waiter and leaves no timer, also without a rate", async () => {
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

const unknown = Number.POSITIVE_INFINITY;

// Bottleneck has its own timers. Faked timers drive it; a driven clock would not.
describe("a change between an unlimited and a finite rate", () => {
  let permits: Permits;
  beforeEach(() => {
    vi.useFakeTimers();
    permits = createRateLimiter({ clock: systemClock, rate: unknown });
  });
  afterEach(() => {
    permits.close();
    vi.useRealTimers();
  });

  test("a limiter with a finite rate starts with a full bucket", () => {
    permits.close();
    permits = createRateLimiter({ clock: systemClock, rate: 100 });
    expect(permits.rate).toBe(100);
    for (let taken = 0; taken < 5; taken++) expect(permits.tryTake()).toBe(true);
    expect(permits.tryTake()).toBe(false);
  });

  test("a limiter without a rate gives any number of permits, also after that rate is set again", () => {
    permits.setRate(unknown);
    for (let taken = 0; taken < 1_000; taken++) expect(permits.tryTake()).toBe(true);
    permits.refund();
    expect(permits).toMatchObject({ rate: unknown, pausedUntil: Number.NEGATIVE_INFINITY });
    expect(permits.delayMs(1_000)).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("the first finite rate starts with an empty bucket and holds from its first second on", async () => {
    for (let taken = 0; taken < 1_000; taken++) permits.tryTake();
    permits.setRate(100);
    expect(permits.rate).toBe(100);
    expect(permits.tryTake()).toBe(false);
    const times = spendAll(permits);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(times.length).toBeGreaterThan(280);
    expect(densestSecond(times)).toBeLessThanOrEqual(102);
  });

  test("a limiter that began without a rate follows every later rate", async () => {
    permits.setRate(100);
    permits.setRate(50);
    expect(permits.rate).toBe(50);
    const times = spendAll(permits);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(times.length).toBeGreaterThan(180);
    expect(times.length).toBeLessThanOrEqual(204);
  });

  test("permits are unlimited again when the rate is, once the pause is over", async () => {
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

  test("a waiter is kept when a rate is set during a pause, and called once", async () => {
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

  test("a waiter that was due is kept when a rate is set, and called once when a permit is there", async () => {
    let calls = 0;
    permits.whenAvailable(() => (calls += 1));
    permits.setRate(10);
    await vi.advanceTimersByTimeAsync(90);
    expect(calls).toBe(0);
    await vi.advanceTimersByTimeAsync(200);
    expect(calls).toBe(1);
  });

  test("a pause is kept when a rate is set, and ends with a single permit", async () => {
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

  test("a waiter that was withdrawn before a rate is set is not called", async () => {
    let calls = 0;
    permits.whenAvailable(() => (calls += 1));
    permits.whenAvailable(undefined);
    permits.setRate(100);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(calls).toBe(0);
  });

  test.for([unknown, 100])(
    "a limiter at the rate %d gives no permit and calls no waiter after close",
    async (rate) => {
      permits.close();
      permits = createRateLimiter({ clock: systemClock, rate });
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
