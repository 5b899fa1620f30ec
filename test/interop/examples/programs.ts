/** The example programs: which of them this machine can build, how they are built and run. */
import { execFile } from "node:child_process";
import { cp, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { repositoryRoot } from "../../../scripts/run.ts";
import { fencesOf, readText } from "../../docs/documents.ts";
import { pythonProbe } from "../python-tools.ts";
import { isInstalled, runTool, type Toolchain } from "../toolchains.ts";
import type { Command } from "../wire-client.ts";

/** An example program. */
export interface ExampleProgram extends Toolchain {
  /** Its language. */
  readonly name: string;
  /** Builds it into an empty folder. Packages come from the language's own registry. */
  readonly build: (folder: string) => Promise<Command>;
}

/** The commands of examples/README.md that build an example, in a block `sh build <name>`. */
function buildCommands(name: string): string {
  const label = `sh build ${name}`;
  const block = fencesOf(readText("examples/README.md")).find((fence) => fence.label === label);
  if (block === undefined) throw new Error(`examples/README.md has no block ${label}`);
  return block.body;
}

/** Builds a copy of an example, so that the sources stay as they are. Returns its folder. */
async function buildExample(name: string, folder: string): Promise<string> {
  const copy = join(folder, "examples", name);
  await mkdir(join(folder, "examples"));
  await cp(join(repositoryRoot, "examples", name), copy, {
    recursive: true,
    filter: (path) => !/\/(?:gen|keyprotect|target|venv|__pycache__)$/.test(path),
  });
  for (const neighbour of ["proto", "node_modules"]) {
    await symlink(join(repositoryRoot, neighbour), join(folder, neighbour));
  }
  await runTool(["sh", "-e", "-c", buildCommands(name)], folder);
  return copy;
}

/** The program in TypeScript, whose tests are part of `npm test`. */
export const typescriptProgram: ExampleProgram = {
  name: "TypeScript",
  tests: "the tests of examples/typescript",
  probe: [process.execPath, "--version"],
  build: () =>
    Promise.resolve([
      process.execPath,
      "--import",
      "tsx",
      join(repositoryRoot, "examples/typescript/main.ts"),
    ]),
};

/** The programs, also those that cannot be built here. */
export const examplePrograms: readonly ExampleProgram[] = [
  typescriptProgram,
  {
    name: "Go",
    tests: "the tests of examples/go",
    probe: ["go", "version"],
    async build(folder) {
      const copy = await buildExample("go", folder);
      await runTool(["go", "vet", "./..."], copy);
      return [join(copy, "envelope")];
    },
  },
  {
    name: "Java",
    tests: "the tests of examples/java",
    probe: ["sh", "-c", "mvn --version && javac -version"],
    async build(folder) {
      const target = join(await buildExample("java", folder), "target");
      const classPath = [join(target, "classes"), join(target, "dependency/*")].join(":");
      return ["java", "-cp", classPath, "example.Main"];
    },
  },
  {
    name: "Python",
    tests: "the tests of examples/python",
    probe: pythonProbe,
    async build(folder) {
      const copy = await buildExample("python", folder);
      return [join(copy, "venv/bin/python"), join(copy, "main.py")];
    },
  },
];

/** The programs that can be built here. */
export const testedPrograms: readonly ExampleProgram[] = examplePrograms.filter(isInstalled);

/** The end of a run. */
export interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, with further environment variables. */
export function runProgram(
  [program, ...first]: Command,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Run> {
  return new Promise((resolve, reject) => {
    const variables = { ...process.env, ...env };
    execFile(program, [...first, ...args], { env: variables }, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : error.code;
      // A text is the code of an error of the system: the program did not run.
      if (typeof exitCode === "number") resolve({ exitCode, stdout, stderr });
      else reject(error ?? new Error(`${program} has no exit code`));
    });
  });
}
