/** The YAML file as a source of the configuration, and access to its tree. */
import { createRequire } from "node:module";
import type * as Yaml from "yaml";
import type { ConfigProblem } from "../config-error.ts";
import { isOpenIfAbsent } from "../schema/open-if-absent.ts";
import type { Path } from "../schema/setting-list.ts";

/**
 * Removes names without a value (`name:`): they are not set. Where that would open something, the
 * name stays, and the schema refuses its `null`.
 */
const withoutNulls = (tree: Tree, path: Path = []): Tree =>
  Object.fromEntries(
    Object.entries(tree)
      .filter(([key, child]) => child !== null || isOpenIfAbsent([...path, key]))
      .map(([key, child]) => [key, childWithoutNulls(child, [...path, key])]),
  );

const childWithoutNulls = (child: unknown, path: Path): unknown => {
  if (Array.isArray(child)) {
    return child.map((item: unknown, at) => childWithoutNulls(item, [...path, at]));
  }
  return isTree(child) ? withoutNulls(child, path) : child;
};

/**
 * Loads the library of YAML when there is a file to read or to print: most gateways are configured
 * by their environment alone.
 */
export const loadYaml = (): typeof Yaml =>
  // oxlint-disable-next-line typescript/no-unsafe-return -- a function of Node that knows no types
  createRequire(import.meta.url)("yaml");

/**
 * Reads the YAML file. If that fails, returns `undefined` and adds to `problems`. Messages of the
 * parser are not passed on: they quote the file.
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
  const { LineCounter, parseDocument } = loadYaml();
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
    const tree: unknown = document.toJS({ maxAliasCount: 20 });
    if (isTree(tree)) return withoutNulls(tree);
    // With every line commented out, the policy has gone as well.
    problems.push({ at, what: "the file has to be a mapping of settings" });
  } catch {
    // Aliases that multiply or contain themselves, and unlimited nesting.
    problems.push({ at, what: "the file is nested too deeply or uses too many aliases" });
  }
  return undefined;
}

/** Returns the code of a failed system call. It quotes no path. */
export const errorCode = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : "unreadable";

/** A mapping from the file, not yet checked. */
export type Tree = { readonly [key: string]: unknown };

/** Whether a value is a mapping. */
export const isTree = (value: unknown): value is Tree =>
  typeof value === "object" &&
  value !== null &&
  (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null);

/** Returns the value at a place; `undefined` if there is no such place. */
export const valueAt = (root: unknown, path: Path): unknown =>
  path.reduce<unknown>((value, part) => {
    if (Array.isArray(value)) return typeof part === "number" ? value[part] : undefined;
    return isTree(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  }, root);

/**
 * Returns a copy with another value at a place; `undefined` removes it. Missing mappings on the way
 * are created. If another kind of value is in the way, the copy is unchanged.
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
