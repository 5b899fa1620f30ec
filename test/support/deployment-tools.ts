/**
 * The programs of operators that tests use. If one is missing, its tests are left out, and the run
 * then says so.
 */
import { spawnSync } from "node:child_process";

const succeeds = (program: string, ...args: readonly string[]): boolean =>
  spawnSync(program, args, { stdio: "ignore" }).status === 0;

/** The test files that need kubectl. */
export const kubectlTests: readonly string[] = [
  "test/deploy/{commands,kubernetes}.test.ts",
  "test/interop/deployment.test.ts",
];

/** Whether kubectl is on the PATH. It renders manifests without a cluster. */
export const hasKubectl = (): boolean => succeeds("kubectl", "version", "--client");

/** Whether promtool, which is part of Prometheus, is on the PATH. */
export const hasPromtool = (): boolean => succeeds("promtool", "--version");

/** Global setup of vitest: reports the tests that are left out, before the first test. */
export default function setup(): void {
  if (!hasKubectl()) {
    process.stderr.write(`\nLEFT OUT: no kubectl on the PATH: ${kubectlTests.join(", ")}\n\n`);
  }
  if (!hasPromtool()) {
    process.stderr.write(
      "\nLEFT OUT: no promtool on the PATH: single tests of test/docs/alerts.test.ts, test/deploy/{dashboards,compose}.test.ts\n\n",
    );
  }
}
