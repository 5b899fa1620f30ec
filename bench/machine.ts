/** Describes the machine and the measured commit. */
import { execFileSync } from "node:child_process";
import { availableParallelism, cpus, loadavg } from "node:os";

const git = (...args: readonly string[]): string =>
  execFileSync("git", [...args], { cwd: import.meta.dirname, encoding: "utf8" }).trim();

/** Returns the measured commit, and whether the working tree differs from it. */
function commit(): string {
  try {
    const changes = git("status", "--porcelain", "--", "../src", "../package-lock.json");
    return git("rev-parse", "--short", "HEAD") + (changes === "" ? "" : " and changes");
  } catch {
    return "unknown";
  }
}

/**
 * Returns, in one line, what the figures depend on. Call it first: the load average must not
 * contain the bench.
 */
export const describeMachine = (): string =>
  [
    `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? "unknown"})`,
    `Node ${process.versions.node}`,
    `${process.platform} ${process.arch}`,
    `commit ${commit()}`,
    `load average ${loadavg()[0]?.toFixed(1) ?? "unknown"} before`,
  ].join(", ");
