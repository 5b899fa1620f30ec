import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createRetryBudget } from "../../../../src/upstream/retry/retry-budget.ts";
import { createDrivenClock } from "../../../support/driven-clock.ts";

test("a full budget allows as many retries as it holds, and then none", () => {
  const budget = createRetryBudget({ clock: createDrivenClock() });
  let granted = 0;
  while (budget.withdraw()) granted += 1;
  expect(granted).toBe(50);
  expect(budget.withdraw()).toBe(false);
});

test("ten successes deposit one retry", () => {
  const budget = createRetryBudget({ clock: createDrivenClock(), capacity: 1 });
  budget.withdraw();
  for (let count = 0; count < 9; count++) budget.deposit();
  expect(budget.withdraw()).toBe(false);
  budget.deposit();
  budget.deposit();
  expect(budget.withdraw()).toBe(true);
});

test("a second adds one retry without any success", async () => {
  const clock = createDrivenClock();
  const budget = createRetryBudget({ clock });
  while (budget.withdraw());
  await clock.advance(999);
  expect(budget.withdraw()).toBe(false);
  await clock.advance(1);
  expect(budget.withdraw()).toBe(true);
  expect(budget.withdraw()).toBe(false);
  expect(clock.pending).toBe(0);
});

test("the budget never holds more than its capacity, and never grants more than was deposited", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.constant("deposit"), fc.constant("withdraw"), fc.nat({ max: 5_000 }))),
      async (steps) => {
        const clock = createDrivenClock();
        const budget = createRetryBudget({ clock, capacity: 5 });
        let earned = 5;
        let granted = 0;
        for (const step of steps) {
          if (typeof step === "number") {
            await clock.advance(step);
            earned += step / 1_000;
          } else if (step === "deposit") {
            budget.deposit();
            earned += 0.1;
          } else if (budget.withdraw()) granted += 1;
          expect(budget.balance).toBeLessThanOrEqual(5);
          expect(budget.balance).toBeGreaterThanOrEqual(0);
          expect(granted).toBeLessThanOrEqual(earned + 1e-9);
        }
      },
    ),
    { numRuns: 50 },
  );
});
