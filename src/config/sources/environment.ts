/** The environment as a source of the configuration. */
import type { ConfigProblem } from "../config-error.ts";
import type { SettingFacts } from "../schema/setting.ts";
import { type SettingEntry, settingList } from "../schema/setting-list.ts";
import { configFileSetting } from "../schema/settings.ts";

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A setting that a variable gives. */
export interface SetVariable {
  /** Name under which the operator looks for it. */
  readonly env: string;
  /** As YAML would give it. */
  readonly value: unknown;
  readonly entry: SettingEntry;
}

/** Returns a variable's trimmed value. An empty one counts as not set, as in compose files. */
export const variable = (env: Environment, name: string): string | undefined =>
  env[name]?.trim() || undefined;

/**
 * Returns the variable of a setting, with the name under which it is set. A name in lower case goes
 * before the one in capitals, as in curl.
 */
export function variableOf(
  env: Environment,
  { env: name, isLowerCaseToo }: Pick<SettingFacts, "env" | "isLowerCaseToo">,
): { readonly name: string; readonly text: string } | undefined {
  if (name === undefined) return undefined;
  for (const spelling of isLowerCaseToo ? [name.toLowerCase(), name] : [name]) {
    const text = variable(env, spelling);
    if (text !== undefined) return { name: spelling, text };
  }
  return undefined;
}

/** Returns the settings that the gateway's own variables give. */
export const ownVariables = (env: Environment): SetVariable[] =>
  settingList.flatMap((entry) => {
    const found = variableOf(env, entry);
    return found === undefined
      ? []
      : [{ env: found.name, value: entry.fromText(found.text), entry }];
  });

/** Whether Kubernetes added the variable for a service whose name starts with `gateway`. */
const isServiceLink = (name: string, value: string): boolean =>
  /_SERVICE_(?:HOST|PORT(?:_\w+)?)$/.test(name) ||
  /_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:ADDR|PORT|PROTO))?$/.test(name) ||
  (name.endsWith("_PORT") && /^(?:tcp|udp|sctp):\/\//.test(value));

/** Finds variables that start with `GATEWAY_` and do not exist: typing errors. */
export function unknownVariables(env: Environment): ConfigProblem[] {
  const known = [configFileSetting.env, ...settingList.flatMap((entry) => entry.env ?? [])];
  return Object.entries(env).flatMap(([name, value]) => {
    const isForeign = !name.startsWith("GATEWAY_") || value === undefined;
    if (isForeign || known.includes(name) || isServiceLink(name, value)) return [];
    const shown = /^\w{1,100}$/.test(name) ? name : "GATEWAY_…";
    return [{ at: shown, what: `there is no such variable${suggest(nearestName(name, known))}` }];
  });
}

/** Levenshtein distance: the number of inserts, deletes and replacements between two texts. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      const deleted = (previous[column] ?? 0) + 1;
      const inserted = (current[column - 1] ?? 0) + 1;
      current.push(Math.min(replaced, deleted, inserted));
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}

/**
 * Returns the known name that is most similar to an unknown one; `undefined` if none is similar.
 */
export function nearestName(unknown: string, known: readonly string[]): string | undefined {
  // Longer texts are not typing errors, and comparing them takes time.
  if (unknown.length > 80) return undefined;
  const wanted = unknown.toLowerCase();
  const nearest = known
    .map((name) => ({ name, distance: editDistance(wanted, name.toLowerCase()) }))
    .toSorted((a, b) => a.distance - b.distance)[0];
  if (nearest === undefined) return undefined;
  return nearest.distance <= Math.max(2, Math.floor(nearest.name.length / 3))
    ? nearest.name
    : undefined;
}

/** Completes the sentence about an unknown name. */
export const suggest = (nearest: string | undefined): string =>
  nearest === undefined ? "" : `; did you mean ${nearest}?`;
