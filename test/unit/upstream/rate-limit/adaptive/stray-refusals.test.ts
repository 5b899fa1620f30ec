import { expect, test } from "vitest";
import { createStrayRefusals } from "../../../../../src/upstream/rate-limit/adaptive/stray-refusals.ts";

/** A rate that each refusal lowers by 1.5 % unless it is a stray. `shareAt`: the refused share. */
function lowered(shareAt: (perSecond: number) => number, seconds: number, pauseMs = 0): number {
  const strays = createStrayRefusals();
  let rate = 100;
  let owed = 0;
  for (let now = 0; now < seconds * 1_000; now += 1_000 / rate) {
    owed += shareAt(rate);
    if (owed < 1) {
      strays.accept();
      continue;
    }
    owed -= 1;
    if (!strays.isStray(now, rate)) rate *= 0.985;
    strays.follow(rate < 100);
    if (pauseMs === 0) continue;
    strays.pause(now, now + pauseMs);
    now += pauseMs;
  }
  return rate;
}

test.each([0.001, 0.003, 0.006])(
  "a share of %d that is refused at any rate stops to lower the rate within 20 %%",
  (share) => {
    expect(lowered(() => share, 600)).toBeGreaterThan(80);
  },
);

test("refusals with a pause of a second each stop to lower the rate at the average of what was accepted", () => {
  expect(lowered(() => 0.003, 1_200, 1_000)).toBeGreaterThan(50);
});

test.each([95, 80, 50])("a quota of %d lowers the rate to it", (quota) => {
  const rate = lowered((perSecond) => Math.max(0, 1 - quota / perSecond), 300);
  expect(rate).toBeLessThanOrEqual(quota);
  expect(rate).toBeGreaterThan(0.97 * quota);
});

test("at most three strays in a row are tolerated", () => {
  const strays = createStrayRefusals();
  let now = 0;
  const accept = (count: number): void => {
    for (let index = 0; index < count; index++) strays.accept();
    now += count * 10;
  };
  expect(strays.isStray(now, 100)).toBe(false);
  strays.follow(true);
  accept(3_000);
  expect(strays.isStray(now, 90)).toBe(false);
  for (let times = 0; times < 20; times++) {
    accept(300);
    strays.isStray(now, 80);
  }
  accept(10_000);
  expect([1, 2, 3, 4].map(() => strays.isStray(now, 80))).toEqual([true, true, true, false]);
});

test("strays are forgotten after half an hour", () => {
  const strays = createStrayRefusals();
  strays.isStray(0, 100);
  strays.follow(true);
  for (let times = 1; times <= 20; times++) {
    for (let index = 0; index < 300; index++) strays.accept();
    strays.isStray(times * 3_000, 80);
  }
  strays.follow(false);
  for (let index = 0; index < 1_000; index++) strays.accept();
  expect(strays.isStray(100_000, 80)).toBe(true);
  expect(strays.isStray(2_000_000, 80)).toBe(false);
});
