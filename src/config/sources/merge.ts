/** Merges the file and the variables into one tree, before anything is checked. */
import type { ConfigProblem } from "../config-error.ts";
import { credentialSettings } from "../schema/credential-settings.ts";
import { writePath } from "../schema/setting-list.ts";
import type { SetVariable } from "./environment.ts";
import { isTree, replaceAt, type Tree } from "./yaml.ts";

/** The merged values, and which of them came from variables. */
export interface SetValues {
  readonly tree: Tree;
  /** Name of the variable that a value came from, by formatted path. */
  readonly variables: ReadonlyMap<string, string>;
}

/**
 * Settings of which an instance's own one shuts out the variables of all: an instance with an API
 * key file must not get a key, too.
 */
const alternatives: readonly (readonly string[])[] = [
  ["apiKey", "apiKeyFile"],
  ["profileId", "profileName", "profileCrn", "accountId"],
  ["baseProfileId", "baseProfileName", "baseProfileCrn"],
  ["clientId", "clientSecret", "clientSecretFile"],
];

/**
 * Merges the sources. Variables override the file, but are only defaults for instances that the
 * file lists.
 */
export function setValues(
  file: Tree,
  set: readonly SetVariable[],
  problems: ConfigProblem[],
): SetValues {
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
 * Adds variables for settings that an instance leaves out. An instance with another kind of
 * credential than the variables describe gets none of theirs.
 */
function fill(
  instance: Tree,
  index: number,
  set: readonly SetVariable[],
  variables: Map<string, string>,
): Tree {
  const typeOfAll = set.find(({ entry }) => entry.path[2] === "authType")?.value ?? "iam";
  const isOtherCredential =
    instance["credentials"] === "caller" || (ownTypeOf(instance) ?? typeOfAll) !== typeOfAll;
  let filled = instance;
  for (const { env, value, entry } of set) {
    const name = entry.path[2] ?? "";
    const isShutOut =
      isOtherCredential &&
      name in credentialSettings &&
      name !== "iamUrl" &&
      name !== "credentials";
    const hasAlternative = alternatives.some(
      (names) => names.includes(name) && names.some((other) => other in instance),
    );
    if (name in instance || isShutOut || hasAlternative) continue;
    filled = { ...filled, [name]: value };
    variables.set(writePath(["instances", index, name]), env);
  }
  return filled;
}

/** The kind of credential that an instance itself names; `undefined` if it names none. */
const ownTypeOf = (instance: Tree): unknown =>
  instance["authType"] ?? ("apiKey" in instance || "apiKeyFile" in instance ? "iam" : undefined);
