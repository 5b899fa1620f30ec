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

/** A test run and the text of its JSON report. */
export interface ReportedRun {
  /** Suite and version of Node. */
  readonly name: string;
  /** Empty if there is no report. */
  readonly text: string;
}

/** The summary of test runs. */
export interface Totals {
  readonly isPassed: boolean;
  /**
   * A line per problem, with the name of its run, and a line per run. The last line is always
   * `tests: N passed, N failed`.
   */
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

/** Tests of a run, and its problems outside them. */
function judge(text: string): { passed: number; failures: string[]; remarks: string[] } {
  const { data: report } = reportSchema.safeParse(parse(text));
  if (report === undefined) {
    return { passed: 0, failures: [], remarks: ["there is no readable test report"] };
  }
  const failures = failuresOf(report);
  const passed = report.testResults
    .flatMap((file) => file.assertionResults)
    .filter((test) => test.status === "passed").length;
  const remarks = passed === 0 ? ["no test passed"] : [];
  if (!report.success && failures.length === 0) {
    remarks.push("the run failed outside of its tests");
  }
  return { passed, failures, remarks };
}

const count = (passed: number, failed: number): string => `${passed} passed, ${failed} failed`;

/**
 * Summarizes JSON reports of vitest. Skipped and unfinished tests and files that could not be
 * loaded count as failed. A run without tests, or without a readable report, has not passed.
 */
export function totalsOf(...runs: readonly ReportedRun[]): Totals {
  const problems = runs.length === 0 ? ["there is no test run"] : [];
  const lines: string[] = [];
  let [passed, failed] = [0, 0];
  for (const { name, text } of runs) {
    const run = judge(text);
    problems.push(...[...run.failures, ...run.remarks].map((line) => `${line} (${name})`));
    lines.push(`${name}: ${count(run.passed, run.failures.length)}`);
    passed += run.passed;
    failed += run.failures.length;
  }
  return {
    isPassed: problems.length === 0,
    lines: [...problems, ...lines, `tests: ${count(passed, failed)}`],
  };
}
