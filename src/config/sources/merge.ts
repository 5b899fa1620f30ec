/** Merges the file and the variables into one tree, before anything is checked. */
import type { ConfigProblem } from "../config-error.ts";
import { type SettingEntry, settingList, writePath } from "../schema/setting-list.ts";
import { isTree, replaceAt, type Tree } from "./yaml.ts";
import { type Environment, variableOf } from "./environment.ts";

/** The merged values, and which of them came from variables. */
export interface SetValues {
  readonly tree: Tree;
  /** Name of the variable that a value came from, by formatted path. */
  readonly variables: ReadonlyMap<string, string>;
}

interface SetVariable {
  readonly env: string;
  readonly value: unknown;
  readonly entry: SettingEntry;
}

/**
 * Merges the sources. Variables override the file, but are only defaults for instances that the
 * file lists.
 */
export function setValues(file: Tree, env: Environment, problems: ConfigProblem[]): SetValues {
  const set = settingList.flatMap((entry): SetVariable[] => {
    const found = variableOf(env, entry);
    if (found === undefined) return [];
    return [{ env: found.name, value: entry.fromText(found.text), entry }];
  });
  const ofInstances = set.filter(({ entry }) => entry.path[0] === "instances");
  const variables = new Map<string, string>();
  let tree = file;
  for (const { env: name, value, entry } of set) {
    if (entry.path[0] === "instances") continue;
    tree = replaceAt(tree, entry.path, value);
    variables.set(writePath(entry.path), name);
  }
  const instances =
    file["instances"] === undefined
      ? [fill({}, 0, ofInstances, variables)]
      : fillListed(file["instances"], ofInstances, variables, problems);
  return { tree: { ...tree, instances }, variables };
}

function fillListed(
  listed: unknown,
  set: readonly SetVariable[],
  variables: Map<string, string>,
  problems: ConfigProblem[],
): unknown {
  for (const { env, entry } of set) {
    if (entry.isShared) continue;
    problems.push({
      at: env,
      what: "describes a single instance, but the file of GATEWAY_CONFIG lists `instances`; use only one",
    });
  }
  if (!Array.isArray(listed)) return listed;
  const shared = set.filter(({ entry }) => entry.isShared);
  return listed.map((item: unknown, index) =>
    isTree(item) ? fill(item, index, shared, variables) : item,
  );
}

/**
 * Adds variables for settings that an instance leaves out. An instance with its own credential gets
 * none from variables.
 */
function fill(
  instance: Tree,
  index: number,
  set: readonly SetVariable[],
  variables: Map<string, string>,
): Tree {
  const isOwnCredential =
    "apiKey" in instance || "apiKeyFile" in instance || instance["credentials"] === "caller";
  let filled = instance;
  for (const { env, value, entry } of set) {
    const name = entry.path[2] ?? "";
    const isKey = name === "apiKey" || name === "apiKeyFile";
    if (name in instance || (isKey && isOwnCredential)) continue;
    filled = { ...filled, [name]: value };
    variables.set(writePath(["instances", index, name]), env);
  }
  return filled;
}
