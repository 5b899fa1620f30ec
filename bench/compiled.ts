/** Compiles gateway and bench to plain JavaScript. */
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const root = join(import.meta.dirname, "..");
const execute = promisify(execFile);

/** The compiled programs. Disposal removes their folder. */
export interface Compiled extends AsyncDisposable {
  readonly folder: string;
  /** Path of the gateway, compiled as by `npm run build`. */
  readonly gateway: string;
  /** Path of a compiled program of the bench, such as `floor`. */
  program(name: string): string;
}

/** Compiles both into a temporary folder. Rejects with the output of the compiler. */
export async function compile(): Promise<Compiled> {
  const folder = await mkdtemp(join(tmpdir(), "keyprotect-bench-"));
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true });
  // Skips type checking, which `npm run typecheck` does.
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
