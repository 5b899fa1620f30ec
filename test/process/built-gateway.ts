/** The built gateway, without its sources. */
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { bundle } from "../../scripts/bundle/bundle.ts";
import { copyConsoleAssets } from "../../scripts/console-assets.ts";

const root = join(import.meta.dirname, "..", "..");
const execute = promisify(execFile);

/** A folder with a gateway that runs under plain node. */
export interface BuiltGateway extends AsyncDisposable {
  readonly folder: string;
  /** The program. */
  readonly main: string;
}

/** Builds as the image does: the bundle and `package.json`, without any package beside them. */
export const buildGateway = (): Promise<BuiltGateway> =>
  buildInto("bundle", async (folder) => {
    await bundle(join(folder, "bundle"));
  });

/** Builds as for `npm start`: a compiled file per source, and the packages. */
export const compileGateway = (): Promise<BuiltGateway> =>
  buildInto("dist", async (folder) => {
    const compiler = join(root, "node_modules", ".bin", "tsc");
    const project = join(root, "tsconfig.build.json");
    // `npm run typecheck` checks the types. Here the check would only take time.
    const out = join(folder, "dist");
    await execute(compiler, ["-p", project, "--noCheck", "--outDir", out], { cwd: root });
    copyConsoleAssets(join(out, "console", "assets"));
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  });

/** Builds into a new folder. Rejects with the output of the compiler. */
async function buildInto(
  programs: string,
  build: (folder: string) => Promise<void>,
): Promise<BuiltGateway> {
  const folder = await mkdtemp(join(tmpdir(), "keyprotect-built-"));
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await build(folder);
    await copyFile(join(root, "package.json"), join(folder, "package.json"));
  } catch (error) {
    await dispose();
    const said = error instanceof Error && "stdout" in error ? `:\n${String(error.stdout)}` : "";
    throw new Error(`the gateway could not be built${said}`, { cause: error });
  }
  return { folder, main: join(folder, programs, "main.js"), [Symbol.asyncDispose]: dispose };
}
