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
