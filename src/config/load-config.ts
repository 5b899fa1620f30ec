/** Loads the configuration: sources, schema, rules, result. */
import { checkFiles } from "./checks/files.ts";
import { checkRules } from "./checks/rules.ts";
import { checkSchema } from "./checks/schema.ts";
import { findWarnings } from "./checks/warnings.ts";
import type { Config, InstanceConfig } from "./config.ts";
import { ConfigError, type ConfigProblem } from "./config-error.ts";
import { isLocalAddress } from "./listen-address.ts";
import { type Path, settingAt, writePath } from "./schema/setting-list.ts";
import { setValues } from "./sources/merge.ts";
import { configFileSetting, type InstanceSettings, type Settings } from "./schema/settings.ts";
import { type Environment, unknownVariables, variable } from "./sources/environment.ts";
import { readYamlTree } from "./sources/yaml.ts";

/** The sources of the configuration. */
export interface ConfigSources {
  readonly env: Environment;
  /** Returns the text of a file, or throws. */
  readonly readFile: (path: string) => string;
  /** Milliseconds since the Unix epoch, for certificates. Default: the machine's clock. */
  readonly wallNow?: () => number;
  /** Gets what may be meant but often is a mistake. Default: it is dropped. */
  readonly onWarning?: (warning: ConfigProblem) => void;
}

/**
 * Reads the configuration from the environment and, if `GATEWAY_CONFIG` names one, a YAML file.
 *
 * @throws ConfigError with every problem found.
 */
export function loadConfig(sources: ConfigSources): Config {
  const { env, readFile, wallNow = Date.now, onWarning } = sources;
  const problems: ConfigProblem[] = unknownVariables(env);
  const file = variable(env, configFileSetting.env);
  const fileTree = file === undefined ? {} : readYamlTree(file, readFile, problems);
  const { tree, variables } = setValues(fileTree ?? {}, env, problems);

  const { findings, settings } = checkSchema(tree);
  const consequences = [
    ...checkRules(settings),
    ...checkFiles(settings, { readFile, wallNow }),
  ].filter(({ path }) => !findings.some((finding) => touch(finding.path, path)));
  const variableAt = (path: Path): string | undefined =>
    variables.get(writePath(settingPath(path)));
  const placeOf = (path: Path): string => {
    const isInFile =
      file !== undefined && (path[0] !== "instances" || "instances" in (fileTree ?? {}));
    return variableAt(path) ?? nameOf(path, isInFile);
  };
  for (const { path, what } of [...findings, ...consequences]) {
    // If the file cannot be read, a value may be in it, so it is not reported as missing.
    if (fileTree === undefined && variableAt(path) === undefined) continue;
    problems.push({ at: placeOf(path), what });
  }

  if (problems.length > 0) throw new ConfigError(withoutRepetition(problems));
  if (onWarning !== undefined) {
    for (const { path, what } of findWarnings(settings, tree)) {
      onWarning({ at: placeOf(path), what });
    }
  }
  return toConfig(settings);
}

/** Whether one place is inside the other. */
const touch = (a: Path, b: Path): boolean => {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.every((part, at) => part === long[at]);
};

/** Returns the place of the setting that contains a place. */
const settingPath = (path: Path): Path =>
  path.slice(0, settingAt(path)?.path.length ?? path.length);

/**
 * Returns the name under which an operator looks for a setting: its variable or its place in the
 * file.
 */
const nameOf = (path: Path, isInFile: boolean): string =>
  (isInFile ? undefined : settingAt(path)?.env) ?? writePath(path);

const withoutRepetition = (problems: readonly ConfigProblem[]): ConfigProblem[] => [
  ...new Map(problems.map((problem) => [`${problem.at}: ${problem.what}`, problem])).values(),
];

/** Converts checked settings to the configuration. */
function toConfig(settings: Settings): Config {
  const { tls, redis, reflection, listen } = settings;
  const instances = checked(settings.instances).map(toInstance);
  const only = instances.length === 1 ? instances[0] : undefined;
  return {
    ...settings,
    reflection: reflection === "auto" ? listen.every(isLocalAddress) : reflection === "on",
    tls: tls && {
      certFile: checked(tls.certFile),
      keyFile: checked(tls.keyFile),
      clientCaFile: tls.clientCaFile,
      trustDomains: tls.trustDomains ?? [],
    },
    instances,
    defaultInstance: settings.defaultInstance ?? only?.alias,
    redis: redis.url === undefined ? undefined : { ...redis, url: redis.url },
  };
}

function toInstance(instance: InstanceSettings): InstanceConfig {
  const { credentials, apiKey, apiKeyFile, iamUrl, ...others } = instance;
  const { rateMode, rateCeiling, rateInitial, rateLongestHoldMs, ...rest } = others;
  const autoMode = rateCeiling === undefined ? "adaptive" : "down-only";
  const rate: InstanceConfig["rate"] = {
    mode: rateMode === "auto" ? autoMode : rateMode,
    ceiling: rateCeiling,
    initial: rateInitial,
    longestHoldMs: rateLongestHoldMs,
  };
  const credential: InstanceConfig["credential"] =
    credentials === "caller"
      ? { kind: "caller" }
      : apiKey === undefined
        ? { kind: "apiKeyFile", path: checked(apiKeyFile), iamUrl }
        : { kind: "apiKey", apiKey, iamUrl };
  return { ...rest, credential, rate };
}

/** Returns a value whose presence the checks guarantee. Throws if they missed its absence. */
function checked<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the checks missed an absent setting");
  return value;
}
