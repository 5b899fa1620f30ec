import { LineCounter, parseDocument } from "yaml";
import type { ConfigProblem } from "../config-error.ts";
import { isTree, type Tree } from "./_tree.ts";

/** Leaves out what is written as `name:` with nothing behind it: that is, not set. */
const withoutNulls = (tree: Tree): Tree =>
  Object.fromEntries(
    Object.entries(tree)
      .filter(([, child]) => child !== null)
      .map(([key, child]) => [key, childWithoutNulls(child)]),
  );

const childWithoutNulls = (child: unknown): unknown => {
  if (Array.isArray(child)) return child.map(childWithoutNulls);
  return isTree(child) ? withoutNulls(child) : child;
};

/**
 * Reads the YAML file; gives `undefined`, and adds to `problems`, if that fails. Texts of the parser are not passed on:
 * they quote the file.
 */
export function readYamlTree(
  path: string,
  readFile: (path: string) => string,
  problems: ConfigProblem[],
): Tree | undefined {
  const at = "GATEWAY_CONFIG";
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    problems.push({ at, what: `the file cannot be read (${errorCode(error)})` });
    return undefined;
  }
  try {
    const lines = new LineCounter();
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      logLevel: "error",
    });
    const faults = [...document.errors, ...document.warnings].slice(0, 20);
    for (const { pos, code } of faults) {
      const { line, col } = lines.linePos(pos[0]);
      problems.push({ at, what: `line ${line}, column ${col}: not valid YAML (${code})` });
    }
    if (faults.length > 0) return undefined;
    const tree: unknown = document.toJS({ maxAliasCount: 20 }) ?? {};
    if (isTree(tree)) return withoutNulls(tree);
    problems.push({ at, what: "the file has to be a mapping of settings" });
  } catch {
    // Aliases that multiply or contain themselves, and nesting without end.
    problems.push({ at, what: "the file is nested too deeply or uses too many aliases" });
  }
  return undefined;
}

/** The code of a failed system call, which says enough and quotes no path. */
export const errorCode = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : "unreadable";
