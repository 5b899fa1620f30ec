/** Counts what became of the items, and prints it. */
import type { ItemFailure } from "./lines/item.ts";
import type { Checkpoint } from "./files/journal.ts";

/** Counts of failures by step and reason, as the journal keeps them. */
export type FailureCounts = Checkpoint["failed"];

/** Lines that are kept per reason. The file of failures has all. */
const maxLinesShown = 10;

/** Adds one failed line. */
export function countFailure(
  counts: FailureCounts,
  line: number,
  { step, status, reason }: ItemFailure,
): FailureCounts {
  const name = `${step}: ${reason === "" ? status : reason}`;
  const { count, lines } = counts[name] ?? { count: 0, lines: [] };
  const shown = lines.length < maxLinesShown ? [...lines, line] : lines;
  return { ...counts, [name]: { count: count + 1, lines: shown } };
}

/** Number of failed lines. */
export function failedLines(counts: FailureCounts): number {
  return Object.values(counts).reduce((sum, { count }) => sum + count, 0);
}

/** The result of a run. */
export interface MigrationReport {
  /** `complete`, `dry run`, or why the migration stopped. */
  readonly state: string;
  /** The line and the failure at which it stopped. */
  readonly stoppedAt: string | undefined;
  readonly lines: number;
  /** Lines whose outcome is known, those of earlier runs included. */
  readonly done: number;
  /** Lines that earlier runs had done. */
  readonly doneBefore: number;
  readonly failed: FailureCounts;
  /** Calls that this run repeated. */
  readonly repeats: number;
  readonly isVerified: boolean;
  readonly seconds: number;
  /** Absent in a dry run. */
  readonly files: { readonly output: string; readonly failures: string } | undefined;
}

const number = (value: number): string => value.toLocaleString("en-US");

/** The report for people. */
export function printReport(report: MigrationReport): string {
  const { lines, done, doneBefore, failed, files } = report;
  const failures = failedLines(failed);
  const verb = files === undefined ? "could be migrated" : "migrated";
  const verified = report.isVerified ? ", each new ciphertext unwrapped and compared" : "";
  const rows = [
    `${report.state}: ${number(done - failures)} of ${number(lines)} items ${verb}${
      files === undefined ? "" : verified
    }`,
    ...(report.stoppedAt === undefined ? [] : [`stopped at ${report.stoppedAt}`]),
    ...(done < lines ? [`not reached: ${number(lines - done)}`] : []),
    ...(doneBefore > 0 ? [`done by earlier runs: ${number(doneBefore)}`] : []),
    `failed: ${number(failures)}`,
    ...Object.entries(failed).map(([name, { count, lines: shown }]) => {
      const more = count > shown.length ? ", …" : "";
      return `  ${name}: ${number(count)} (line ${shown.join(", ")}${more})`;
    }),
    `calls repeated: ${number(report.repeats)}`,
    `time: ${report.seconds.toFixed(1)} s`,
    ...(files === undefined ? [] : [`output: ${files.output}`]),
    ...(files !== undefined && failures > 0 ? [`failures: ${files.failures}`] : []),
  ];
  return `${rows.join("\n")}\n`;
}

/** The report for programs: one JSON object. */
export function printJsonReport(report: MigrationReport): string {
  const { failed, files, ...rest } = report;
  const counts = Object.entries(failed).map(([what, facts]) => ({ what, ...facts }));
  const migrated = report.done - failedLines(failed);
  return `${JSON.stringify({ ...rest, migrated, failed: counts, ...files })}\n`;
}
