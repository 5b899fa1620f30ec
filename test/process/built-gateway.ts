/**
 * The compiled gateway, laid out as in the container image: dist, dependencies and package.json,
 * without sources.
 */
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const root = join(import.meta.dirname, "..", "..");
const execute = promisify(execFile);

/** A folder with a gateway that runs under plain node. */
export interface BuiltGateway extends AsyncDisposable {
  readonly folder: string;
  /** The compiled `main.ts`. */
  readonly main: string;
}

/** Compiles into a new folder. Rejects with the output of the compiler. */
export async function buildGateway(): Promise<BuiltGateway> {
  const folder = await mkdtemp(join(tmpdir(), "keyprotect-built-"));
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const compiler = join(root, "node_modules", ".bin", "tsc");
    const project = join(root, "tsconfig.build.json");
    const out = join(folder, "dist");
    // `npm run typecheck` checks the types. Here the check would only take time.
    await execute(compiler, ["-p", project, "--noCheck", "--outDir", out], { cwd: root });
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    await copyFile(join(root, "package.json"), join(folder, "package.json"));
  } catch (error) {
    await dispose();
    const said = error instanceof Error && "stdout" in error ? `:\n${String(error.stdout)}` : "";
    throw new Error(`the gateway could not be built${said}`, { cause: error });
  }
  return { folder, main: join(folder, "dist", "main.js"), [Symbol.asyncDispose]: dispose };
}
