/** The gate of CI, `.ci/run`, with a program in the place of npm that only pretends. */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..", "..");
const gate = readFileSync(join(root, ".ci", "run"), "utf8");
const shipped = /^shipped=(\S+)$/m.exec(gate)?.[1] ?? "none";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "keyprotect-gate-"));
  cpSync(join(root, ".ci"), join(folder, ".ci"), { recursive: true });
  mkdirSync(join(folder, "node_modules"));
  mkdirSync(join(folder, "programs"));
  symlinkSync(join(root, "node_modules", ".bin"), join(folder, "node_modules", ".bin"));
  symlinkSync(join(root, "scripts"), join(folder, "scripts"));
  // These tests need no programs of others.
  writeFileSync(join(folder, ".ci", "tools"), "");
  pretend("timeout", "exit 0");
  pretend("npm", npm);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Each suite has a test, whose status is a file of that name, and is `passed` without one. */
const npm = `
case $1 in
  install)
    mkdir -p "$3/node_modules/node/bin"
    printf '#!/bin/sh\\necho v${shipped}\\n' >"$3/node_modules/node/bin/node"
    chmod +x "$3/node_modules/node/bin/node" ;;
  run)
    name="$(node --version) $2"
    echo "$name" >>"$HOME/ran"
    [ -n "\${TEST_REPORT:-}" ] || exit 0
    status=$(cat "$HOME/$name" 2>/dev/null || echo passed)
    [ "$status" != none ] || exit 1
    printf '{"success":true,"testResults":[{"name":"some.test.ts","status":"passed","assertionResults":[{"fullName":"states a fact","status":"%s"}]}]}' \\
      "$status" >"$TEST_REPORT" ;;
esac`;

function pretend(program: string, script: string): void {
  writeFileSync(join(folder, "programs", program), `#!/usr/bin/env bash\n${script}\n`, {
    mode: 0o755,
  });
}

/** Runs the gate on a version of Node. Returns its last lines and what npm ran. */
function runGate(own: string) {
  pretend(
    "node",
    `[ "$1" != --version ] || { echo v${own}; exit; }\nexec "${process.execPath}" "$@"`,
  );
  const { status, stdout, stderr } = spawnSync(join(folder, ".ci", "run"), [], {
    env: { PATH: `${join(folder, "programs")}:${process.env["PATH"]}`, HOME: folder },
    encoding: "utf8",
  });
  const lines = stdout.split("\n").filter((line) => line !== "" && !line.startsWith("==>"));
  const ran = readFileSync(join(folder, "ran"), "utf8").trim().split("\n");
  return { status, stderr, lines, ran };
}

test("the gate tests the line of Node that the image ships", () => {
  const dockerfile = readFileSync(join(root, "Dockerfile"), "utf8");
  const lines = [...dockerfile.matchAll(/^FROM node:(\d+)-/gm)].map(([, line]) => line);
  expect([...new Set(lines)]).toEqual([shipped.split(".")[0]]);
});

describe("the gate", () => {
  test("both suites run whole on the shipped Node, beside those on an older one", () => {
    const { status, lines, ran } = runGate("20.19.0");
    expect(lines[0]).toContain("on Node 20.19.0, the projects *-one-version");
    expect(lines.slice(1)).toEqual([
      "Node 20.19.0, npm run test: 1 passed, 0 failed",
      "Node 20.19.0, npm run test:runtime: 1 passed, 0 failed",
      `Node ${shipped}, npm run test: 1 passed, 0 failed`,
      `Node ${shipped}, npm run test:thorough: 1 passed, 0 failed`,
      "tests: 4 passed, 0 failed",
    ]);
    expect(status).toBe(0);
    expect(ran.filter((line) => line.includes(" test"))).toEqual([
      "v20.19.0 test",
      "v20.19.0 test:runtime",
      `v${shipped} test`,
      `v${shipped} test:thorough`,
    ]);
  });

  test("both suites run whole on a release of the shipped line, and on no other", () => {
    const own = `${shipped.split(".")[0]}.0.1`;
    expect(runGate(own)).toMatchObject({
      status: 0,
      lines: [
        `Node ${own}, npm run test: 1 passed, 0 failed`,
        `Node ${own}, npm run test:thorough: 1 passed, 0 failed`,
        "tests: 2 passed, 0 failed",
      ],
    });
  });

  test.each([
    [`v${shipped} test:thorough`, `Node ${shipped}, npm run test:thorough`],
    ["v20.19.0 test", "Node 20.19.0, npm run test"],
  ])("a failed test of %s fails the gate and names its Node", (suite, name) => {
    writeFileSync(join(folder, suite), "failed");
    const { status, lines } = runGate("20.19.0");
    expect(lines).toContain(`failed: some.test.ts: states a fact (${name})`);
    expect(lines.at(-1)).toBe("tests: 3 passed, 1 failed");
    expect(status).toBe(1);
  });

  test("a suite that leaves no report on the shipped Node fails the gate", () => {
    writeFileSync(join(folder, `v${shipped} test`), "none");
    const { status, lines } = runGate("20.19.0");
    expect(lines).toContain(`there is no readable test report (Node ${shipped}, npm run test)`);
    expect(status).toBe(1);
  });

  test("a gate to which npm brings another Node than the shipped one fails", () => {
    pretend("npm", npm.replace(`echo v${shipped}`, "echo v24.0.0"));
    const { status, stderr } = runGate("20.19.0");
    expect(stderr).toContain(`npm brought no Node ${shipped}`);
    expect(status).toBe(1);
  });

  test("a program that tests need and nobody can install fails the gate", () => {
    writeFileSync(join(folder, ".ci", "tools"), 'failed+=("there is jq to test with")\n');
    const { status, lines } = runGate("20.19.0");
    expect(lines).toContain("failed: there is jq to test with");
    expect(status).toBe(1);
  });
});
