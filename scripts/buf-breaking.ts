/**
 * Compares the contract with that of the newest release: the newest tag `v*` that the current commit descends from.
 * Whatever would break callers that compile against that release fails. Without a release there is nothing to break, and
 * without a history, as in an unpacked archive, nothing to compare with.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buf, run } from "./run.ts";

function git(args: readonly string[]): Buffer {
  const { exitCode, stdout, stderr } = run("git", args);
  if (exitCode !== 0) throw new Error(`git ${args.join(" ")} failed:\n${stderr}`);
  return stdout;
}

/** Why Git cannot be asked; `undefined` if it can. */
function whyNoHistory(): string | undefined {
  const { exitCode, stderr } = run("git", ["rev-parse", "--verify", "--quiet", "HEAD"]);
  if (exitCode === 0) return undefined;
  return stderr.split("\n")[0]?.trim() || "there is no commit";
}

/** `undefined` if nothing was released yet. Pre-releases (`v1.0.0-rc.1`) count as older than their release. */
function newestRelease(): string | undefined {
  const newestFirst = ["--sort", "-version:refname"];
  const suffixed = ["-c", "versionsort.suffix=-"];
  const tags = git([...suffixed, "tag", "--list", "v[0-9]*", "--merged", "HEAD", ...newestFirst]);
  return tags
    .toString()
    .split("\n")
    .find((tag) => tag !== "");
}

/** The exit code with which buf says that it compared and found something. */
const findings = 100;

const obstacle = whyNoHistory();
const release = obstacle === undefined ? newestRelease() : undefined;
if (obstacle !== undefined) {
  console.warn(`NOT CHECKED: there is no history to compare the contract with (${obstacle}).`);
} else if (release === undefined) {
  console.warn("NOT CHECKED: there is no tag v* to compare the contract with.");
} else {
  const temporary = mkdtempSync(join(tmpdir(), "keyprotect-breaking-"));
  try {
    // An archive instead of buf's own git input: it is the same in worktrees and shallow clones.
    const contract = join(temporary, "contract.tar");
    git(["archive", "--format", "tar", "--output", contract, release, "buf.yaml", "proto"]);
    const { exitCode, stdout, stderr } = buf(["breaking", "--against", contract]);
    process.stdout.write(stdout);
    process.stderr.write(stderr);
    if (exitCode === 0) console.log(`the contract breaks nothing that ${release} promised`);
    else if (exitCode === findings) console.error(`the contract breaks what ${release} promised`);
    else console.error(`the contract could not be compared with that of ${release}`);
    process.exitCode = exitCode;
  } finally {
    rmSync(temporary, { recursive: true });
  }
}
