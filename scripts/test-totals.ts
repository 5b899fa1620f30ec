/**
 * Prints the totals of the JSON report of a vitest run. Exits with 1 unless tests ran and all
 * passed.
 */
import { existsSync, readFileSync } from "node:fs";
import { totalsOf } from "./totals-of.ts";

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error("usage: test-totals.ts <report.json>");
const { isPassed, lines } = totalsOf(existsSync(path) ? readFileSync(path, "utf8") : "");
console.log(lines.join("\n"));
process.exitCode = isPassed ? 0 : 1;
