import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** The repository's root folder, whatever folder a script is started from. */
export const repositoryRoot = join(import.meta.dirname, "..");

/** What a finished program left behind. */
export interface Finished {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs a program in the repository's root and waits for it. Throws if it cannot be started or is killed by a signal. */
export function run(program: string, args: readonly string[]): Finished {
  const result = spawnSync(program, args, { cwd: repositoryRoot, maxBuffer: 64 * 1024 * 1024 });
  if (result.error !== undefined) {
    throw new Error(`${program} could not be run`, { cause: result.error });
  }
  if (result.status === null) {
    throw new Error(`${program} was ended by ${result.signal ?? "nobody knows what"}`);
  }
  return { exitCode: result.status, stdout: result.stdout, stderr: result.stderr.toString() };
}

/** Runs the buf of `node_modules`, so that everybody has the pinned version. */
export const buf = (args: readonly string[]): Finished =>
  run(join(repositoryRoot, "node_modules", ".bin", "buf"), args);

/** The same, for runs that have to succeed. Throws with what buf said. */
export function bufOutput(args: readonly string[]): Buffer {
  const { exitCode, stdout, stderr } = buf(args);
  if (exitCode !== 0)
    throw new Error(`buf ${args.join(" ")} failed:\n${stdout.toString()}${stderr}`);
  return stdout;
}
