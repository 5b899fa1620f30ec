/**
 * Counts the tests that passed only at the second or third try. A retry is acceptable for a test
 * that measures time on a shared machine, but it must not hide a test that fails often.
 */
import type { Reporter, TestCase } from "vitest/node";
import { judgeRetries } from "./judge-retries.ts";

export default class RetryReporter implements Reporter {
  readonly #retried: string[] = [];

  onTestCaseResult(test: TestCase): void {
    const tries = test.diagnostic()?.retryCount ?? 0;
    if (tries > 0) this.#retried.push(`${test.module.relativeModuleId}: ${test.fullName}`);
  }

  onTestRunEnd(): void {
    const { isWithinBudget, lines } = judgeRetries(this.#retried);
    process.stdout.write(`${lines.join("\n")}\n`);
    if (!isWithinBudget) process.exitCode = 1;
  }
}
