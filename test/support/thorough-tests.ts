/** Which test files belong to the thorough suite. Every other file belongs to the fast suite. */

/** Run in both suites: with 300 schedules in the fast one, with 10,000 in the thorough one. */
export const propertyTests = "test/property/**/*.test.ts";

/** Measure shares of time, so nothing else may run beside them. */
export const loadTests: readonly string[] = [
  "test/load/**/*.test.ts",
  "test/fault/{quota,fairness,mishaps}.test.ts",
];

/** Not in the fast suite. */
export const thoroughTests: readonly string[] = [
  ...loadTests,
  "test/fault/**/*.test.ts",
  "test/simulation/**/*.test.ts",
];
