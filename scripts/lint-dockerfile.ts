/**
 * Checks the Dockerfile. Prints a line per finding and exits with 1 if there is one, also a
 * warning.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { validate, ValidationSeverity } from "dockerfile-utils";
import { repositoryRoot } from "./run.ts";

const findings = validate(readFileSync(join(repositoryRoot, "Dockerfile"), "utf8"), {
  deprecatedMaintainer: ValidationSeverity.ERROR,
  directiveCasing: ValidationSeverity.ERROR,
  emptyContinuationLine: ValidationSeverity.ERROR,
  instructionCasing: ValidationSeverity.ERROR,
  instructionCmdMultiple: ValidationSeverity.ERROR,
  instructionEntrypointMultiple: ValidationSeverity.ERROR,
  instructionHealthcheckMultiple: ValidationSeverity.ERROR,
  instructionJSONInSingleQuotes: ValidationSeverity.ERROR,
  instructionWorkdirRelative: ValidationSeverity.ERROR,
});
for (const { message, range } of findings) {
  const text = typeof message === "string" ? message : message.value;
  console.error(`Dockerfile:${range.start.line + 1}: ${text}`);
}
if (findings.length > 0) process.exitCode = 1;
