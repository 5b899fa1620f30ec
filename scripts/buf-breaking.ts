/**
 * Compares the contract with that of the newest release, which `npm run release` stores in
 * `proto/released`. Fails on changes that break callers compiled against that release, and if the
 * stored contract is missing.
 */
import { releasedContract } from "./released-contract.ts";
import { buf, repositoryRoot } from "./run.ts";

/** The exit code of buf if it found breaking changes. */
const findings = 100;

/**
 * Version 0.1.0 named no packages for generated code, so nobody depends on their names yet. This
 * exception ends by itself with the first release that names them.
 */
const firstLanguageOptions = [
  "FILE_SAME_CSHARP_NAMESPACE",
  "FILE_SAME_GO_PACKAGE",
  "FILE_SAME_JAVA_MULTIPLE_FILES",
  "FILE_SAME_JAVA_OUTER_CLASSNAME",
  "FILE_SAME_JAVA_PACKAGE",
];

const { version, path, hasLanguageOptions } = releasedContract(repositoryRoot);
const except = hasLanguageOptions ? [] : firstLanguageOptions;
const config = {
  version: "v2",
  modules: [{ path: "proto" }],
  breaking: { use: ["FILE"], except },
};
const { exitCode, stdout, stderr } = buf([
  "breaking",
  "--config",
  JSON.stringify(config),
  "--against",
  path,
]);
process.stdout.write(stdout);
process.stderr.write(stderr);
if (exitCode === 0) console.log(`the contract breaks nothing that ${version} promised`);
else if (exitCode === findings) console.error(`the contract breaks what ${version} promised`);
else console.error(`the contract could not be compared with that of ${version}`);
process.exitCode = exitCode;
