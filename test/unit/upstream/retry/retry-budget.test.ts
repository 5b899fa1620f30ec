import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createRetryBudget } from "../../../../src/upstream/retry/retry-budget.ts";
import { createDrivenClock } from "../../../support/driven-clock.ts";

test("allows as many repeats at once as it holds, and then none", () => {
  const budget = createRetryBudget({ clock: createDrivenClock() });
  let granted = 0;
  while (budget.spend()) granted += 1;
  expect(granted).toBe(50);
  expect(budget.spend()).toBe(false);
});

test("earns one repeat by ten successes", () => {
  const budget = createRetryBudget({ clock: createDrivenClock(), capacity: 1 });
  budget.spend();
  for (let count = 0; count < 9; count++) budget.earn();
  expect(budget.spend()).toBe(false);
  budget.earn();
  budget.earn();
  expect(budget.spend()).toBe(true);
});

test("earns one repeat a second without any success", async () => {
  const clock = createDrivenClock();
  const budget = createRetryBudget({ clock });
  while (budget.spend());
  await clock.advance(999);
  expect(budget.spend()).toBe(false);
  await clock.advance(1);
  expect(budget.spend()).toBe(true);
  expect(budget.spend()).toBe(false);
  expect(clock.pending).toBe(0);
});

test("never holds more than its capacity, and never grants more than was earned", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.constant("earn"), fc.constant("spend"), fc.nat({ max: 5_000 }))),
      async (steps) => {
        const clock = createDrivenClock();
        const budget = createRetryBudget({ clock, capacity: 5 });
        let earned = 5;
        let granted = 0;
        for (const step of steps) {
          if (typeof step === "number") {
            await clock.advance(step);
            earned += step / 1_000;
          } else if (step === "earn") {
            budget.earn();
            earned += 0.1;
          } else if (budget.spend()) granted += 1;
          expect(budget.balance).toBeLessThanOrEqual(5);
          expect(budget.balance).toBeGreaterThanOrEqual(0);
          expect(granted).toBeLessThanOrEqual(earned + 1e-9);
        }
      },
    ),
    { numRuns: 50 },
  );
});
