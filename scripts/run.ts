/** Runs programs in the root folder of the repository. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** The root folder of the repository. */
export const repositoryRoot = join(import.meta.dirname, "..");

/** The result of a program. */
export interface Finished {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/**
 * Runs a program in the root folder and waits for it. Throws if it cannot start or a signal ends
 * it.
 */
export function run(program: string, args: readonly string[]): Finished {
  const result = spawnSync(program, args, { cwd: repositoryRoot, maxBuffer: 64 * 1024 * 1024 });
  if (result.error !== undefined) {
    throw new Error(`${program} could not be run`, { cause: result.error });
  }
  if (result.status === null) {
    throw new Error(`${program} was ended by ${result.signal ?? "an unknown signal"}`);
  }
  return { exitCode: result.status, stdout: result.stdout, stderr: result.stderr.toString() };
}

/** Runs buf in its pinned version, from `node_modules`. */
export const buf = (args: readonly string[]): Finished =>
  run(join(repositoryRoot, "node_modules", ".bin", "buf"), args);

/** Runs buf and returns its output. Throws with the error text if buf fails. */
export function bufOutput(args: readonly string[]): Buffer {
  const { exitCode, stdout, stderr } = buf(args);
  if (exitCode !== 0)
    throw new Error(`buf ${args.join(" ")} failed:\n${stdout.toString()}${stderr}`);
  return stdout;
}
