/**
 * Writes the generated tables of the documentation. With `--check` it changes nothing and fails if
 * one is outdated.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generatedFiles, withGeneratedSections } from "./generated-sections.ts";
import { repositoryRoot } from "./run.ts";

for (const file of generatedFiles) {
  const path = join(repositoryRoot, file);
  const before = readFileSync(path, "utf8");
  const after = withGeneratedSections(before);
  if (after === before) continue;
  console.log(`outdated: ${file}`);
  if (process.argv.includes("--check")) process.exitCode = 1;
  else writeFileSync(path, after);
}
if (process.exitCode === 1) console.error("run `npm run docs` and commit the result");
