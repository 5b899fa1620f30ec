/** Finds the settings whose change a running gateway cannot apply. */
import type { FileSnapshot } from "../platform/files/file-snapshot.ts";
import type { Config } from "./config.ts";
import { toSettings } from "./describe-config.ts";
import { type Path, settingAt, writePath } from "./schema/setting-list.ts";
import { isTree } from "./sources/yaml.ts";

/** A configuration and the files that it was read from. */
export interface ConfigState {
  readonly config: Config;
  readonly files: Pick<FileSnapshot, "digests">;
}

/** The files that are read at start only, by their settings. */
const filesOfStart = ({ upstream, proxy, redis, tracing }: Config) => ({
  "upstream.caFile": upstream.caFile,
  "proxy.caFile": proxy.caFile,
  "redis.caFile": redis?.caFile,
  "tracing.caFile": tracing.caFile,
  "tracing.tracesCaFile": tracing.tracesCaFile,
});

/**
 * Returns the settings that differ between the configuration of the start and the present one, and
 * that apply only after a restart: by their places in the YAML file.
 */
export function findRestartNeeds(started: ConfigState, present: ConfigState): string[] {
  return [
    ...new Set([
      ...changedValues(started.config, present.config),
      ...changedPresence(started.config, present.config),
      ...changedContents(started, present),
    ]),
  ];
}

function changedValues(started: Config, present: Config): string[] {
  const before = valuesOf(started);
  const now = valuesOf(present);
  const isKnown = aliasesIn(started, present);
  return [...new Set([...before.keys(), ...now.keys()])].flatMap((key) => {
    const { path, alias } = now.get(key) ?? before.get(key) ?? { path: [], alias: undefined };
    if (before.get(key)?.text === now.get(key)?.text) return [];
    // All of an instance that comes or goes differs; it is one change.
    if (alias !== undefined && !isKnown(alias)) return ["instances"];
    return settingAt(path)?.reload === "applied" ? [] : [writePath(path)];
  });
}

const aliasesIn = (...configs: readonly Config[]): ((alias: string) => boolean) => {
  const sets = configs.map(({ instances }) => new Set(instances.map(({ alias }) => alias)));
  return (alias) => sets.every((aliases) => aliases.has(alias));
};

/** One value of the configuration. */
interface Value {
  readonly path: Path;
  /** Of an instance: its alias. Instances are compared by it, not by their place in the list. */
  readonly alias: string | undefined;
  readonly text: string;
}

/** The values of all settings but those of the policy, by a key that is the same in each list. */
function valuesOf(config: Config): Map<string, Value> {
  const { policy: _policy, instances, ...others } = toSettings(config);
  const values = new Map<string, Value>();
  const add = (tree: object, path: Path, key: string, alias?: string): void => {
    for (const [name, value] of Object.entries(tree)) {
      const place = [...path, name];
      if (value === undefined) continue;
      if (isTree(value)) add(value, place, `${key}.${name}`, alias);
      else values.set(`${key}.${name}`, { path: place, alias, text: JSON.stringify(value) ?? "" });
    }
  };
  add(others, [], "");
  for (const [at, instance] of instances.entries()) {
    const alias = config.instances[at]?.alias ?? "";
    add(instance, ["instances", at], `instances.${alias}`, alias);
  }
  return values;
}

/** Finds the sections that cannot come or go, although their values can change. */
function* changedPresence(started: Config, present: Config): Generator<string> {
  if ((started.tls === undefined) !== (present.tls === undefined)) {
    yield "tls";
  } else if (
    (started.tls?.clientCaFile === undefined) !==
    (present.tls?.clientCaFile === undefined)
  ) {
    yield "tls.clientCaFile";
  }
  // Without a policy other calls are allowed: a running gateway must not open by a lost section.
  if (started.policy !== undefined && present.policy === undefined) yield "policy";
}

function changedContents(started: ConfigState, present: ConfigState): string[] {
  const before = new Map(Object.entries(filesOfStart(started.config)));
  return Object.entries(filesOfStart(present.config)).flatMap(([name, path]) => {
    // Another path is a changed value.
    if (path === undefined || path !== before.get(name)) return [];
    const isSame = started.files.digests.get(path) === present.files.digests.get(path);
    return isSame ? [] : [name];
  });
}
