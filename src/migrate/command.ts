/** `keyprotect-gateway migrate`: from the command line to the exit code. */
import { migrateUsage, parseMigrateArguments } from "./arguments.ts";
import { MigrateError, migrateExitCodes } from "./migrate-error.ts";
import { printJsonReport, printReport } from "./report.ts";
import { runMigration, type MigrateIo } from "./run-migration.ts";

/**
 * Runs the sub-command with the arguments behind its name. The report goes to standard output,
 * progress and errors to standard error.
 */
export async function runMigrate(args: readonly string[], io: MigrateIo): Promise<number> {
  const parsed = parseMigrateArguments(args);
  if (parsed.kind === "help") {
    io.stdout.write(migrateUsage);
    return migrateExitCodes.complete;
  }
  if (parsed.kind === "wrong") {
    const rows = parsed.problems.map((problem) => `  ${problem}`);
    io.stderr.write(`keyprotect-gateway migrate --help lists the options\n${rows.join("\n")}\n`);
    return migrateExitCodes.usage;
  }
  try {
    const { report, exitCode } = await runMigration(parsed.arguments, io);
    io.stdout.write(parsed.arguments.isJson ? printJsonReport(report) : printReport(report));
    return exitCode;
  } catch (error) {
    if (!(error instanceof MigrateError)) throw error;
    io.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
}
