/**
 * Programs that tests of this folder need, and how they are run. If one is missing, its tests are
 * left out, and the run says so before the first test.
 */
import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Command } from "./wire-client.ts";

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

/** A client that was built, in a folder that is removed with it. */
export interface BuiltClient extends AsyncDisposable {
  readonly command: Command;
  /** The folder in which it was built. */
  readonly folder: string;
}

/** Runs a tool to its end. Rejects with its output if it fails. */
export async function runTool([program, ...args]: Command, cwd?: string): Promise<void> {
  await promisify(execFile)(program, args, { cwd, maxBuffer: 64 * 1024 * 1024 });
}

/** Builds a client into a new folder. Rejects with the output of the tools. */
export async function buildIn(build: (folder: string) => Promise<Command>): Promise<BuiltClient> {
  const folder = await mkdtemp(join(tmpdir(), "keyprotect-client-"));
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    return { command: await build(folder), folder, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
