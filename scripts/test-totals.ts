/**
 * Prints the sum of the JSON reports of vitest runs, given as `<name of the run>=<report.json>`.
 * Exits with 1 unless every run had tests and all passed.
 */
import { existsSync, readFileSync } from "node:fs";
import { totalsOf } from "./totals-of.ts";

const runs = process.argv.slice(2).map((argument) => {
  const [, name = "", path = ""] = /^(.+)=(.+)$/.exec(argument) ?? [];
  return { name, text: existsSync(path) ? readFileSync(path, "utf8") : "" };
});
if (runs.length === 0 || runs.some(({ name }) => name === ""))
  throw new Error("usage: test-totals.ts <name>=<report.json>...");
const { isPassed, lines } = totalsOf(...runs);
console.log(lines.join("\n"));
process.exitCode = isPassed ? 0 : 1;
