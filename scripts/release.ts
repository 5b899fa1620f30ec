/**
 * Makes a release: moves the Unreleased section of the changelog under the new version, sets the
 * version of the package and of the image in the manifests, stores the contract that later ones are
 * compared with, commits and tags. It pushes nothing. It writes the software bill of materials
 * (CycloneDX) of what runs in production to `sbom.cdx.json`, to be attached to the release.
 *
 * Usage: `npm run release -- 0.2.0`. Fails, with nothing changed, if the version is not newer, the
 * section is empty, or the working tree has changes.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeReleasedContract } from "./released-contract.ts";
import { releaseChangelog, releaseManifest, requireNewer } from "./release-changelog.ts";
import { repositoryRoot, run } from "./run.ts";

const [version] = process.argv.slice(2);
if (version === undefined) throw new Error("usage: npm run release -- <version>");

/** Runs a program and returns its output. Throws with its error text if it fails. */
function output(program: string, ...args: readonly string[]): string {
  const { exitCode, stdout, stderr } = run(program, args);
  if (exitCode !== 0) throw new Error(`${program} ${args.join(" ")} failed:\n${stderr}`);
  return stdout.toString().trim();
}
const git = (...args: readonly string[]): string => output("git", ...args);

if (git("status", "--porcelain") !== "") throw new Error("the working tree has changes");
const packagePath = join(repositoryRoot, "package.json");
const manifest: unknown = JSON.parse(readFileSync(packagePath, "utf8"));
const current =
  typeof manifest === "object" && manifest !== null && "version" in manifest
    ? String(manifest.version)
    : "";
requireNewer(version, current);
const changelogPath = join(repositoryRoot, "CHANGELOG.md");
const today = new Date().toISOString().slice(0, 10);
const changelog = releaseChangelog(readFileSync(changelogPath, "utf8"), version, today);

writeFileSync(changelogPath, changelog);
output("npm", "version", version, "--no-git-tag-version");
const contractFolder = writeReleasedContract(repositoryRoot, version);
const withTags = git("grep", "--files-with-matches", "keyprotect-gateway", "--", "deploy", "docs")
  .split("\n")
  .filter((file) => file.endsWith("kustomization.yaml") || file === "docs/deployment.md");
for (const file of withTags) {
  const path = join(repositoryRoot, file);
  writeFileSync(path, releaseManifest(readFileSync(path, "utf8"), current, version));
}
writeFileSync(
  join(repositoryRoot, "sbom.cdx.json"),
  output("npm", "sbom", "--omit=dev", "--package-lock-only", "--sbom-format", "cyclonedx"),
);
const changed = ["CHANGELOG.md", "package.json", "package-lock.json", contractFolder, ...withTags];
git("add", "--all", ...changed);
git("commit", "--message", `chore: release ${version}`);
git("tag", "--annotate", `v${version}`, "--message", `v${version}`);
console.log(`released ${version}; push it with: git push --follow-tags`);
