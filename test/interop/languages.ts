/**
 * The clients of other languages: which of them this machine can build, and how they are built.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { isInstalled, type Toolchain } from "./toolchains.ts";
import type { Command } from "./wire-client.ts";

const here = import.meta.dirname;
const execute = promisify(execFile);

/** A gRPC library with the client that uses it. */
interface Language extends Toolchain {
  /** Name of the gRPC library. */
  readonly library: string;
  /** Builds the client into an empty folder. Packages come from the language's own registry. */
  readonly build: (folder: string) => Promise<Command>;
}

/** The libraries, also those that cannot be built here. */
export const languages: readonly Language[] = [
  {
    library: "grpc-js",
    tests: "the tests of grpc-js",
    probe: [process.execPath, "--version"],
    build: () =>
      Promise.resolve([process.execPath, "--import", "tsx", join(here, "node", "client.ts")]),
  },
  {
    library: "grpc-go",
    tests: "the tests of grpc-go",
    probe: ["go", "version"],
    async build(folder) {
      const program = join(folder, "client");
      await execute("go", ["build", "-o", program, "."], { cwd: join(here, "go") });
      return [program];
    },
  },
  {
    library: "grpcio",
    tests: "the tests of grpcio",
    probe: ["python3", "-c", "import ensurepip, venv"],
    async build(folder) {
      await execute("python3", ["-m", "venv", folder]);
      const program = join(folder, "bin", "python");
      const requirements = join(here, "python", "requirements.txt");
      await execute(program, ["-m", "pip", "install", "--quiet", "--requirement", requirements]);
      return [program, join(here, "python", "client.py")];
    },
  },
];

/** The libraries whose clients can be built here. */
export const testedLibraries: readonly string[] = languages
  .filter(isInstalled)
  .map(({ library }) => library);

/** A client that was built, in a folder that is removed with it. */
export interface BuiltClient extends AsyncDisposable {
  readonly command: Command;
}

/** Builds the client of a library. Rejects with the output of the tools. */
export async function buildClient(library: string): Promise<BuiltClient> {
  const language = languages.find((each) => each.library === library);
  if (language === undefined) throw new Error(`there is no client of ${library}`);
  const folder = await mkdtemp(join(tmpdir(), "keyprotect-client-"));
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    return { command: await language.build(folder), [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
