import { expect, test } from "vitest";
import { judgeRetries, retryBudget } from "../../support/judge-retries.ts";

const names = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => `some.test.ts: fact ${at}`);

test("a run without second tries is within the budget and says so", () => {
  expect(judgeRetries([])).toEqual({
    isWithinBudget: true,
    lines: ["second tries: 0 (budget 3)"],
  });
});

test("each test that needed a second try is named", () => {
  expect(judgeRetries(["a.test.ts: a fact"]).lines[0]).toBe("second try: a.test.ts: a fact");
});

test("a run with as many second tries as the budget has passes", () => {
  expect(judgeRetries(names(retryBudget)).isWithinBudget).toBe(true);
});

test("a run with more second tries than the budget has fails", () => {
  expect(judgeRetries(names(retryBudget + 1)).isWithinBudget).toBe(false);
});
