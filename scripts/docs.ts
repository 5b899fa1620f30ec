/**
 * Writes the generated tables of the documentation, the API reference, the service configuration of
 * clients, and the dashboards. With `--check` it changes nothing and fails if one is outdated.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readDocumentedContract } from "./contract/documented-contract.ts";
import { apiPage, apiPageFile } from "./docs/api-page.ts";
import {
  alertsFile,
  dashboards,
  prometheusRule,
  prometheusRuleFile,
} from "./dashboards/dashboards.ts";
import { generatedFiles, withGeneratedSections } from "./generated-sections.ts";
import { repositoryRoot } from "./run.ts";
import { serviceConfig, serviceConfigFile } from "./service-config.ts";

const makers = new Map<string, (before: string) => string>([
  ...generatedFiles.map((file) => [file, withGeneratedSections] as const),
  [apiPageFile, () => apiPage(readDocumentedContract())],
  [serviceConfigFile, serviceConfig],
  ...dashboards,
  [
    prometheusRuleFile,
    () => prometheusRule(readFileSync(join(repositoryRoot, alertsFile), "utf8")),
  ],
]);

for (const [file, make] of makers) {
  const path = join(repositoryRoot, file);
  const before = existsSync(path) ? readFileSync(path, "utf8") : "";
  const after = make(before);
  if (after === before) continue;
  console.log(`outdated: ${file}`);
  if (process.argv.includes("--check")) process.exitCode = 1;
  else writeFileSync(path, after);
}
if (process.exitCode === 1) console.error("run `npm run docs` and commit the result");
