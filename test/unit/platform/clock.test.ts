import { expect, test } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";

test.each([2 ** 31, 30 * 86_400_000, Number.POSITIVE_INFINITY])(
  "a timer of the system clock for %d ms does not fire at once",
  async (ms) => {
    let hasFired = false;
    const timer = systemClock.after(ms, () => {
      hasFired = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    timer.cancel();
    expect(hasFired).toBe(false);
  },
);

test("no timer of the system clock fires before its time has passed on that clock", async () => {
  const early: number[] = [];
  await Promise.all(
    Array.from({ length: 300 }, async (_, at) => {
      // Half of them are set late in a turn of the event loop.
      if (at % 2 === 0) await new Promise((resolve) => setTimeout(resolve, at / 10));
      const until = performance.now() + (at % 3);
      while (performance.now() < until);
      const ms = 1 + (at % 20) + (at % 7) / 7;
      const setAt = systemClock.now();
      await new Promise<void>((resolve) => systemClock.after(ms, resolve));
      const leftMs = ms - (systemClock.now() - setAt);
      if (leftMs > 0) early.push(leftMs);
    }),
  );
  expect(early).toEqual([]);
});
