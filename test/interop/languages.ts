/**
 * The programs in other languages: which of them this machine can build, and how they are built.
 */
import { join } from "node:path";
import { installPython, pythonProbe } from "./python-tools.ts";
import { buildIn, isInstalled, runTool, type BuiltClient, type Toolchain } from "./toolchains.ts";
import type { Command } from "./wire-client.ts";

const here = import.meta.dirname;

/** A library with the program that uses it. */
interface Language extends Toolchain {
  /** Name of the library. */
  readonly library: string;
  /** Builds the program into an empty folder. Packages come from the language's own registry. */
  readonly build: (folder: string) => Promise<Command>;
}

/** Installs the requirements of a program in `source` into a virtual environment in `folder`. */
async function buildPython(folder: string, source: string, file: string): Promise<Command> {
  const programs = await installPython(folder, join(here, source, "requirements.txt"));
  return [join(programs, "python"), "-B", join(here, source, file)];
}

/** The gRPC libraries, whose clients are driven over standard input. */
const grpcLibraries: readonly Language[] = [
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
      await runTool(["go", "build", "-o", program, "."], join(here, "go"));
      return [program];
    },
  },
  {
    library: "grpcio",
    tests: "the tests of grpcio",
    probe: pythonProbe,
    build: (folder) => buildPython(folder, "python", "client.py"),
  },
];

/** The authenticators that IBM's SDKs share. */
const authenticators: readonly Language[] = [
  {
    library: "ibm-cloud-sdk-core",
    tests: "the tests of IBM's authenticators",
    probe: pythonProbe,
    build: (folder) => buildPython(folder, "authenticators", "main.py"),
  },
];

/** IBM's SDKs, each with the program that calls all its operations. */
const vendorSdks: readonly Language[] = [
  {
    library: "IBM's SDK for Python",
    tests: "the tests of IBM's SDK for Python",
    probe: pythonProbe,
    build: (folder) => buildPython(folder, "vendor-python", "main.py"),
  },
];

/** The libraries, also those that cannot be built here. */
export const languages: readonly Language[] = [...grpcLibraries, ...vendorSdks, ...authenticators];

const installed = (list: readonly Language[]): readonly string[] =>
  list.filter(isInstalled).map(({ library }) => library);

/** The gRPC libraries whose clients can be built here. */
export const testedLibraries: readonly string[] = installed(grpcLibraries);

/** IBM's SDKs whose programs can be built here. */
export const testedVendorSdks: readonly string[] = installed(vendorSdks);

/** The libraries of authenticators whose program can be built here. */
export const testedAuthenticators: readonly string[] = installed(authenticators);

/** Builds the client of a library. Rejects with the output of the tools. */
export function buildClient(library: string): Promise<BuiltClient> {
  const language = languages.find((each) => each.library === library);
  if (language === undefined) throw new Error(`there is no client of ${library}`);
  return buildIn(language.build);
}
