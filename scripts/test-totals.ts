/**
 * Prints the sum of the JSON reports of vitest runs. Exits with 1 unless every run had tests and
 * all passed.
 */
import { existsSync, readFileSync } from "node:fs";
import { totalsOf } from "./totals-of.ts";

const paths = process.argv.slice(2);
if (paths.length === 0) throw new Error("usage: test-totals.ts <report.json>...");
const { isPassed, lines } = totalsOf(
  ...paths.map((path) => (existsSync(path) ? readFileSync(path, "utf8") : "")),
);
console.log(lines.join("\n"));
process.exitCode = isPassed ? 0 : 1;
