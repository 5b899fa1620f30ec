import type { ConfigProblem } from "../config-error.ts";
import { settingList } from "../schema/setting-list.ts";
import { configFileSetting } from "../schema/settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** A variable's value; an empty one counts as not set, as it does in shells and compose files. */
export const variable = (env: Environment, name: string): string | undefined =>
  env[name]?.trim() || undefined;

/** What a cluster adds to the environment for a service whose name starts with `gateway`. */
const isServiceLink = (name: string, value: string): boolean =>
  /_SERVICE_(?:HOST|PORT(?:_\w+)?)$/.test(name) ||
  /_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:ADDR|PORT|PROTO))?$/.test(name) ||
  (name.endsWith("_PORT") && /^(?:tcp|udp|sctp):\/\//.test(value));

/** Variables that start with `GATEWAY_` and mean nothing: typing errors. */
export function unknownVariables(env: Environment): ConfigProblem[] {
  const known = [configFileSetting.env, ...settingList.flatMap((entry) => entry.env ?? [])];
  return Object.entries(env).flatMap(([name, value]) => {
    const isForeign = !name.startsWith("GATEWAY_") || value === undefined;
    if (isForeign || known.includes(name) || isServiceLink(name, value)) return [];
    const shown = /^\w{1,100}$/.test(name) ? name : "GATEWAY_…";
    return [{ at: shown, what: `there is no such variable${suggest(nearestName(name, known))}` }];
  });
}

/** Edits (insert, delete, replace) that turn one text into the other. */
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

/** The known name that an unknown one was probably meant to be; `undefined` if none is near. */
export function nearestName(unknown: string, known: readonly string[]): string | undefined {
  // Longer texts are no typing errors, and comparing them would take time.
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

/** Ends a sentence about an unknown name. */
export const suggest = (nearest: string | undefined): string =>
  nearest === undefined ? "" : `; did you mean ${nearest}?`;
