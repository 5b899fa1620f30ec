/** Maximum number of tests in one run that may need more than one try. */
export const retryBudget = 3;

/** Reports the tests that needed more than one try, and whether the run may pass with them. */
export function judgeRetries(retried: readonly string[]): {
  readonly isWithinBudget: boolean;
  readonly lines: readonly string[];
} {
  const isWithinBudget = retried.length <= retryBudget;
  return {
    isWithinBudget,
    lines: [
      ...retried.map((name) => `second try: ${name}`),
      `second tries: ${retried.length} (budget ${retryBudget})${isWithinBudget ? "" : ": too many, the run fails"}`,
    ],
  };
}
