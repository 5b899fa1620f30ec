import type { ConfigProblem } from "../config-error.ts";
import { nearestName, suggest } from "./_nearest-name.ts";
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
