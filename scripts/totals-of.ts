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

/**
 * Summarizes the texts of JSON reports of vitest. Skipped and unfinished tests and files that could
 * not be loaded count as failed. A run without tests, or without a readable report, has not passed.
 */
export function totalsOf(...texts: readonly string[]): Totals {
  const failures: string[] = [];
  const remarks: string[] = texts.length === 0 ? ["there is no readable test report"] : [];
  let passed = 0;
  for (const text of texts) {
    const { data: report } = reportSchema.safeParse(parse(text));
    if (report === undefined) {
      remarks.push("there is no readable test report");
      continue;
    }
    const failuresHere = failuresOf(report);
    const passedHere = report.testResults
      .flatMap((file) => file.assertionResults)
      .filter((test) => test.status === "passed").length;
    if (passedHere === 0) remarks.push("no test passed");
    if (!report.success && failuresHere.length === 0) {
      remarks.push("the run failed outside of its tests");
    }
    failures.push(...failuresHere);
    passed += passedHere;
  }
  return {
    isPassed: failures.length === 0 && remarks.length === 0,
    lines: [...failures, ...remarks, `tests: ${passed} passed, ${failures.length} failed`],
  };
}
