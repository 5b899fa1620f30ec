import { LineCounter, parseDocument } from "yaml";
import type { ConfigProblem } from "../config-error.ts";
import type { Path } from "../schema/setting-list.ts";

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

/** A mapping as it was read, not yet checked. */
export type Tree = { readonly [key: string]: unknown };

export const isTree = (value: unknown): value is Tree =>
  typeof value === "object" &&
  value !== null &&
  (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null);

/** What stands at a place; `undefined` if there is no such place. */
export const valueAt = (root: unknown, path: Path): unknown =>
  path.reduce<unknown>((value, part) => {
    if (Array.isArray(value)) return typeof part === "number" ? value[part] : undefined;
    return isTree(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  }, root);

/**
 * A copy with another value at a place; `undefined` takes the place away. Mappings on the way are made; where something
 * else is in the way, the copy is the same.
 */
export function replaceAt(tree: Tree, path: Path, value: unknown): Tree {
  const [key, ...rest] = path;
  if (key === undefined) return tree;
  const { [key]: child, ...others } = tree;
  if (rest.length > 0) return { ...tree, [key]: replaceBelow(child ?? {}, rest, value) };
  return value === undefined ? others : { ...tree, [key]: value };
}

function replaceBelow(parent: unknown, path: Path, value: unknown): unknown {
  if (isTree(parent)) return replaceAt(parent, path, value);
  const [at, ...rest] = path;
  if (!Array.isArray(parent) || typeof at !== "number") return parent;
  return parent.map((item: unknown, index) =>
    index === at && rest.length > 0 ? replaceBelow(item, rest, value) : item,
  );
}
