/**
 * Programs that tests of this folder need. If one is missing, its tests are left out, and the run
 * says so before the first test.
 */
import { spawnSync } from "node:child_process";

/** A command, and the tests that need it. */
export interface Toolchain {
  /** The tests that need it, such as `the tests of grpc-go`. */
  readonly tests: string;
  /** A command that succeeds if the programs are there. */
  readonly probe: readonly [program: string, ...args: string[]];
}

/** Whether the programs are there. */
export const isInstalled = ({ probe: [program, ...args] }: Toolchain): boolean =>
  spawnSync(program, args, { stdio: "ignore" }).status === 0;

/** Says on standard error that tests are left out, if the programs are missing. */
export function reportIfMissing(toolchain: Toolchain): void {
  if (isInstalled(toolchain)) return;
  const { tests, probe } = toolchain;
  process.stderr.write(
    `\nLEFT OUT: ${tests} in test/interop, because this fails: ${probe.join(" ")}\n\n`,
  );
}
