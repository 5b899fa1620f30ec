/** Runs the comparison in a temporary copy of what it reads. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { releasedContract } from "../../../scripts/released-contract.ts";
import { repositoryRoot } from "../../../scripts/run.ts";

// Each test starts several programs.
vi.setConfig({ testTimeout: 60_000 });

const released = releasedContract(repositoryRoot).version;
let root = "";

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "buf-breaking-"));
  for (const path of ["buf.yaml", "package.json", "proto", "scripts", "third_party"]) {
    cpSync(join(repositoryRoot, path), join(root, path), { recursive: true });
  }
  symlinkSync(join(repositoryRoot, "node_modules"), join(root, "node_modules"));
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

/** Stores the contract of the copy as that of a release. */
function release(version: string): void {
  const script = join(root, "scripts", "released-contract.ts");
  const code = `import { writeReleasedContract } from ${JSON.stringify(script)};
    writeReleasedContract(${JSON.stringify(root)}, ${JSON.stringify(version)});`;
  const tsx = join(root, "node_modules", ".bin", "tsx");
  const { status, stderr } = spawnSync(tsx, ["--input-type=module", "--eval", code], {
    cwd: root,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`the release failed: ${stderr}`);
}

function compare(): { exitCode: number | null; output: string } {
  const tsx = join(root, "node_modules", ".bin", "tsx");
  const script = join(root, "scripts", "buf-breaking.ts");
  const { status, stdout, stderr } = spawnSync(tsx, [script], { cwd: root, encoding: "utf8" });
  return { exitCode: status, output: stdout + stderr };
}

test("the comparison fails without the contract of a release", () => {
  rmSync(join(root, "proto", "released", `${released}.binpb`));
  const { exitCode, output } = compare();
  expect(output).toContain("has to hold exactly one image, but holds 0");
  expect(exitCode).not.toBe(0);
});

test("a new field does not break the contract", () => {
  edit(
    "keys_service.proto",
    "bool allow_missing = 3;",
    "bool allow_missing = 3;\n  bool planted = 400;",
  );
  const { exitCode, output } = compare();
  expect(output).toContain(`the contract breaks nothing that ${released} promised`);
  expect(exitCode).toBe(0);
});

test("a changed idempotency level breaks the contract", () => {
  edit("policies_service.proto", "idempotency_level = IDEMPOTENT", "deprecated = true");
  const { exitCode, output } = compare();
  expect(output).toContain("ReplaceKeyPolicies");
  expect(output).toContain(`the contract breaks what ${released} promised`);
  expect(exitCode).not.toBe(0);
});

test("a renamed field breaks the contract", () => {
  edit("key.proto", "string crn = 14;", "string resource_name = 14;");
  const { exitCode, output } = compare();
  expect(output).toContain(`the contract breaks what ${released} promised`);
  expect(exitCode).not.toBe(0);
});

test("a package name for generated code may be new once, and a later change of it breaks the contract", () => {
  expect(compare().exitCode).toBe(0);
  release("9.0.0");
  edit("key.proto", "com.keyprotect.v1", "com.example.v1");
  const { exitCode, output } = compare();
  expect(output).toContain('"java_package" changed');
  expect(output).toContain("the contract breaks what v9.0.0 promised");
  expect(exitCode).not.toBe(0);
});

test("a release replaces the stored contract by its own", () => {
  edit("key.proto", "string crn = 14;", "string resource_name = 14;");
  release("9.0.0");
  const { exitCode, output } = compare();
  expect(output).toContain("the contract breaks nothing that v9.0.0 promised");
  expect(exitCode).toBe(0);
});
