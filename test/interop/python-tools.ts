/** Programs of Python packages, in a virtual environment of their own. */
import { join } from "node:path";
import { runTool, type Toolchain } from "./toolchains.ts";

/** A command that succeeds if Python is there with all that makes a virtual environment. */
export const pythonProbe: Toolchain["probe"] = ["python3", "-c", "import ensurepip, venv"];

/**
 * Makes a virtual environment in `folder` and installs the packages of a requirements file from
 * PyPI. Returns the folder of its programs. Rejects with the output of the tools.
 */
export async function installPython(folder: string, requirements: string): Promise<string> {
  await runTool(["python3", "-m", "venv", folder]);
  const programs = join(folder, "bin");
  const install = ["-m", "pip", "install", "--quiet", "--requirement", requirements] as const;
  await runTool([join(programs, "python"), ...install]);
  return programs;
}
