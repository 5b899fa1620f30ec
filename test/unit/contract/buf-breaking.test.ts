/** Runs the comparison in a temporary repository with a history for the test. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { repositoryRoot } from "../../../scripts/run.ts";

// Each test starts about six programs.
vi.setConfig({ testTimeout: 60_000 });

let root = "";

function git(...args: readonly string[]): void {
  const author = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
  const quiet = ["-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"];
  const { status, stderr } = spawnSync("git", [...author, ...quiet, ...args], { cwd: root });
  if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr.toString()}`);
}

function commit(): void {
  git("add", "buf.yaml", "proto", "scripts");
  git("commit", "--quiet", "--no-verify", "--message", "change");
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "buf-breaking-"));
  for (const path of ["buf.yaml", "proto", "scripts"]) {
    cpSync(join(repositoryRoot, path), join(root, path), { recursive: true });
  }
  symlinkSync(join(repositoryRoot, "node_modules"), join(root, "node_modules"));
  git("init", "--quiet");
  commit();
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

function edit(file: string, from: string, to: string): void {
  const path = join(root, "proto", "keyprotect", "v1", file);
  const before = readFileSync(path, "utf8");
  const after = before.replace(from, to);
  if (after === before) throw new Error(`${file} has no ${from}`);
  writeFileSync(path, after);
}

function compare(): { exitCode: number | null; output: string } {
  const tsx = join(root, "node_modules", ".bin", "tsx");
  const script = join(root, "scripts", "buf-breaking.ts");
  const { status, stdout, stderr } = spawnSync(tsx, [script], { cwd: root, encoding: "utf8" });
  return { exitCode: status, output: stdout + stderr };
}

test("without a release the check compares nothing and reports that", () => {
  const { exitCode, output } = compare();
  expect(output).toContain("NOT CHECKED: there is no tag v*");
  expect(exitCode).toBe(0);
});

test("without a git history the check compares nothing and reports that", () => {
  rmSync(join(root, ".git"), { recursive: true });
  const { exitCode, output } = compare();
  expect(output).toContain(
    "NOT CHECKED: there is no history to compare the contract with (fatal: ",
  );
  expect(exitCode).toBe(0);
});

test("a new field does not break the contract", () => {
  git("tag", "v0.1.0");
  edit(
    "keys_service.proto",
    "bool allow_missing = 3;",
    "bool allow_missing = 3;\n  bool force = 4;",
  );
  const { exitCode, output } = compare();
  expect(output).toContain("the contract breaks nothing that v0.1.0 promised");
  expect(exitCode).toBe(0);
});

test("a changed idempotency level breaks the contract", () => {
  git("tag", "v0.1.0");
  edit("policies_service.proto", "idempotency_level = IDEMPOTENT", "deprecated = true");
  const { exitCode, output } = compare();
  expect(output).toContain("ReplaceKeyPolicies");
  expect(output).toContain("the contract breaks what v0.1.0 promised");
  expect(exitCode).not.toBe(0);
});

test("the contract is compared with the newest release, not with an older one or a pre-release", () => {
  git("tag", "v0.9.0");
  edit("keys_service.proto", "bool allow_missing = 3;", "bool allow_absent = 3;");
  commit();
  git("tag", "v0.10.0-rc.1");
  edit("keys_service.proto", "bool allow_absent = 3;", "bool allow_missing = 3;");
  commit();
  git("tag", "v0.10.0");
  edit("key.proto", "string crn = 14;", "string resource_name = 14;");
  const { exitCode, output } = compare();
  expect(output).toContain("what v0.10.0 promised");
  expect(exitCode).not.toBe(0);
});
