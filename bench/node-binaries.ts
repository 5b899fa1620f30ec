/** The binaries of Node that run what is measured. */
import { execFileSync } from "node:child_process";

/** A binary of Node. */
export interface NodeBinary {
  readonly path: string;
  /** Its version, such as `24.21.0`. */
  readonly label: string;
}

/** Asks a binary for its version. Throws an error with a text for the user if it has none. */
export function nodeBinary(path: string): NodeBinary {
  let printed: string;
  try {
    printed = execFileSync(path, ["--version"], { encoding: "utf8" }).trim();
  } catch (error) {
    throw new Error(`--node takes the path of a binary of node; "${path}" does not run`, {
      cause: error,
    });
  }
  const [, label] = /^v(\d+\.\d+\.\S+)$/.exec(printed) ?? [];
  if (label === undefined) {
    throw new Error(`--node takes the path of a binary of node; "${path}" is none`);
  }
  return { path, label };
}

/**
 * Returns the binaries at the paths, each with a label of its own: another build of a version gets
 * a number. Without a path, returns the binary of this process.
 */
export function nodeBinaries(paths: readonly string[]): readonly NodeBinary[] {
  const seen = new Map<string, number>();
  return (paths.length === 0 ? [process.execPath] : paths).map((each) => {
    const { path, label } = nodeBinary(each);
    const count = (seen.get(label) ?? 0) + 1;
    seen.set(label, count);
    return { path, label: count === 1 ? label : `${label} (${count})` };
  });
}

/** Returns a part of the line about the machine: the versions of Node that were measured. */
export const measuredOn = (binaries: readonly NodeBinary[]): string =>
  `measured on Node ${binaries.map(({ label }) => label).join(", ")}`;
