/** Gateway and bench compiled to plain JavaScript, in a folder of their own. */
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const root = join(import.meta.dirname, "..");
const execute = promisify(execFile);

export interface Compiled extends AsyncDisposable {
  readonly folder: string;
  /** The gateway, as `npm run build` gives it. */
  readonly gateway: string;
  /** Path of a compiled program of this folder, such as `floor`. */
  program(name: string): string;
}

/** Compiles both. Rejects with what the compiler says. */
export async function compile(): Promise<Compiled> {
  const folder = await mkdtemp(join(tmpdir(), "keyprotect-bench-"));
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true });
  // Types are checked by `npm run typecheck`; here they would only take time.
  const tsc = (project: string, out: string): Promise<unknown> =>
    execute(
      join(root, "node_modules", ".bin", "tsc"),
      ["-p", join(root, project), "--noCheck", "--outDir", join(folder, out)],
      { cwd: root },
    );
  try {
    await tsc("tsconfig.build.json", "dist");
    await tsc(join("bench", "tsconfig.json"), "programs");
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    await copyFile(join(root, "package.json"), join(folder, "package.json"));
  } catch (error) {
    await dispose();
    const said = error instanceof Error && "stdout" in error ? `:\n${String(error.stdout)}` : "";
    throw new Error(`the bench could not be compiled${said}`, { cause: error });
  }
  return {
    folder,
    gateway: join(folder, "dist", "main.js"),
    program: (name) => join(folder, "programs", "bench", `${name}.js`),
    [Symbol.asyncDispose]: dispose,
  };
}
