/** How stubs of each language are generated from the contract and compiled. */
import { execFile } from "node:child_process";
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { DescFile } from "@bufbuild/protobuf";
import { repositoryRoot } from "../../../scripts/run.ts";
import { installPython, pythonProbe } from "../python-tools.ts";
import { runTool, type Toolchain } from "../toolchains.ts";

const here = import.meta.dirname;
const examples = join(repositoryRoot, "examples");
const execute = promisify(execFile);
const buf = join(repositoryRoot, "node_modules", ".bin", "buf");

/** A language and its tools. Packages come from the language's own registry. */
export interface StubLanguage extends Toolchain {
  readonly name: string;
  /**
   * Generates stubs from all proto files below `protos` into the empty folder `stubs` and compiles
   * them. Rejects with the output of the tools.
   */
  readonly build: (protos: string, stubs: string) => Promise<void>;
  /** The path below `stubs` of what was compiled or generated for the client of a service. */
  readonly clientFile: (service: string, file: DescFile) => string;
  /** A change of a proto file that generation or compilation has to notice. */
  readonly planted: readonly [from: RegExp, to: string];
}

const withPath = (folder: string): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${folder}:${process.env["PATH"] ?? ""}`,
});

const option = (value: string | undefined): string => value ?? "";

async function buildGo(protos: string, stubs: string): Promise<void> {
  const tools = join(stubs, "bin");
  // The stubs are a module of their own here, which needs what the example needs.
  for (const file of ["go.mod", "go.sum"]) await cp(join(examples, "go", file), join(stubs, file));
  await runTool(["go", "mod", "edit", "-module", "keyprotect-gateway"], stubs);
  const env = { ...process.env, GOBIN: tools };
  await execute("go", ["install", "tool"], { cwd: stubs, env });
  const plugins = ["protoc-gen-go", "protoc-gen-go-grpc"].map((local) => ({
    local,
    out: ".",
    // Fails if a file's package for Go does not begin with the module.
    opt: "module=keyprotect-gateway",
  }));
  const template = JSON.stringify({ version: "v2", plugins });
  const args = ["generate", protos, "--output", stubs, "--template", template];
  await execute(buf, args, { env: withPath(tools) });
  await runTool(["go", "vet", "./..."], stubs);
}

async function buildJava(protos: string, stubs: string): Promise<void> {
  await cp(join(examples, "java", "pom.xml"), join(stubs, "pom.xml"));
  await runTool(["mvn", "--batch-mode", "--quiet", "compile", `-Dcontract=${protos}`], stubs);
}

async function buildPython(protos: string, stubs: string): Promise<void> {
  const tools = join(stubs, "venv");
  const modules = join(stubs, "modules");
  await mkdir(modules);
  const programs = await installPython(tools, join(here, "python", "requirements.txt"));
  const python = join(programs, "python");
  await runTool([python, join(here, "python", "generate.py"), protos, modules]);
}

/** The languages whose stubs are tested. */
export const stubLanguages: readonly StubLanguage[] = [
  {
    name: "Go",
    tests: "the stubs for Go",
    probe: ["go", "version"],
    build: buildGo,
    clientFile: (_service, { name, proto }) => {
      const [path = ""] = option(proto.options?.goPackage).split(";");
      return `${path.replace("keyprotect-gateway/", "")}/${name.replace(/.*\//, "")}_grpc.pb.go`;
    },
    planted: [/option go_package = .*\n/, ""],
  },
  {
    name: "Java",
    tests: "the stubs for Java",
    probe: ["sh", "-c", "mvn --version && javac -version"],
    build: buildJava,
    clientFile: (service, { proto }) => {
      const folder = option(proto.options?.javaPackage).replaceAll(".", "/");
      return `target/classes/${folder}/${service}Grpc.class`;
    },
    planted: [/(option java_package = ).*\n/, '$1"com.keyprotect.class";\n'],
  },
  {
    name: "Python",
    tests: "the stubs for Python",
    probe: pythonProbe,
    build: buildPython,
    clientFile: (_service, { name }) => `modules/${name}_pb2_grpc.py`,
    // Python has no option of its own: its modules are named after the files.
    planted: [/import "keyprotect\/v1\/(\w+)\.proto"/, 'import "keyprotect/v1/$1.protos"'],
  },
];
