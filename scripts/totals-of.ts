/** Summarizes JSON reports of vitest. */
import { z } from "zod";

const reportSchema = z.object({
  success: z.boolean(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
    }),
  ),
});

type Report = z.infer<typeof reportSchema>;

/** The summary of a test run. */
export interface Totals {
  readonly isPassed: boolean;
  /** A line per problem. The last line is always `tests: N passed, N failed`. */
  readonly lines: readonly string[];
}

/** Returns a line per failure. A file that failed without a failed test could not be loaded. */
const failuresOf = ({ testResults }: Report): string[] =>
  testResults.flatMap(({ name, status, assertionResults }) => {
    const tests = assertionResults.filter((test) => test.status !== "passed");
    const lines = tests.map((test) => `${test.status}: ${name}: ${test.fullName}`);
    return lines.length === 0 && status !== "passed" ? [`${status}: ${name}`] : lines;
  });

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const totals = (
  passed: number,
  failures: readonly string[],
  remarks: readonly string[],
): Totals => ({
  isPassed: failures.length === 0 && remarks.length === 0,
  lines: [...failures, ...remarks, `tests: ${passed} passed, ${failures.length} failed`],
});

/**
 * Summarizes the text of a JSON report of vitest. Skipped and unfinished tests and files that could
 * not be loaded count as failed. A run without tests, or without a readable report, has not passed.
 */
export function totalsOf(text: string): Totals {
  const { data: report } = reportSchema.safeParse(parse(text));
  if (report === undefined) return totals(0, [], ["there is no readable test report"]);
  const failures = failuresOf(report);
  const passed = report.testResults
    .flatMap((file) => file.assertionResults)
    .filter((test) => test.status === "passed").length;
  const remarks: string[] = [];
  if (passed === 0) remarks.push("no test passed");
  if (!report.success && failures.length === 0) remarks.push("the run failed outside of its tests");
  return totals(passed, failures, remarks);
}
