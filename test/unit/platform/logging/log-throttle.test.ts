import { expect, test } from "vitest";
import { createLogThrottle } from "../../../../src/platform/logging/log-throttle.ts";
import { createDrivenClock } from "../../../support/driven-clock.ts";

test("a line is due at most once in the quiet time, and stands for the events since the last", async () => {
  const clock = createDrivenClock();
  const due = createLogThrottle({ clock, quietMs: 1_000 });
  expect([due("a"), due("a"), due("b"), due("a")]).toEqual([1, 0, 1, 0]);
  await clock.advance(999);
  expect(due("a")).toBe(0);
  await clock.advance(1);
  expect([due("a"), due("a"), due("b")]).toEqual([4, 0, 1]);
});

test("the kinds that are remembered are bounded", () => {
  const due = createLogThrottle({ clock: createDrivenClock(), quietMs: 1_000, maxKinds: 2 });
  expect([due("a"), due("b"), due("a"), due("c"), due("a")]).toEqual([1, 1, 0, 1, 1]);
});
