/**
 * Compares the contract with that of the newest release, which is the newest tag `v*` that the
 * current commit descends from. Fails on changes that break callers compiled against that release.
 * Passes if there is no release, or no Git history, as in an unpacked archive.
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

/** Returns why Git is not available, or `undefined` if it is. */
function whyNoHistory(): string | undefined {
  const { exitCode, stderr } = run("git", ["rev-parse", "--verify", "--quiet", "HEAD"]);
  if (exitCode === 0) return undefined;
  return stderr.split("\n")[0]?.trim() || "there is no commit";
}

/**
 * Returns the newest release tag, or `undefined`. Pre-releases (`v1.0.0-rc.1`) are older than their
 * release.
 */
function newestRelease(): string | undefined {
  const newestFirst = ["--sort", "-version:refname"];
  const suffixed = ["-c", "versionsort.suffix=-"];
  const tags = git([...suffixed, "tag", "--list", "v[0-9]*", "--merged", "HEAD", ...newestFirst]);
  return tags
    .toString()
    .split("\n")
    .find((tag) => tag !== "");
}

/** The exit code of buf if it found breaking changes. */
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
    // Uses an archive instead of buf's git input, because it works in worktrees and shallow clones
    // too.
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
