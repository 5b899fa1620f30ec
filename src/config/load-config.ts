import { checkFiles } from "./checks/files.ts";
import { checkRules } from "./checks/rules.ts";
import { checkSchema } from "./checks/schema.ts";
import type { Config, InstanceConfig } from "./config.ts";
import { ConfigError, type ConfigProblem } from "./config-error.ts";
import { isLocalAddress } from "./listen-address.ts";
import { type Path, settingAt, writePath } from "./schema/setting-list.ts";
import { setValues } from "./sources/merge.ts";
import { configFileSetting, type InstanceSettings, type Settings } from "./schema/settings.ts";
import { type Environment, unknownVariables, variable } from "./sources/environment.ts";
import { readYamlTree } from "./sources/yaml.ts";

/** Where the configuration comes from. */
export interface ConfigSources {
  readonly env: Environment;
  /** Gives the text of a file, or throws. */
  readonly readFile: (path: string) => string;
}

/**
 * Reads the configuration from the environment and, if `GATEWAY_CONFIG` names one, a YAML file.
 *
 * @throws ConfigError with every problem found.
 */
export function loadConfig({ env, readFile }: ConfigSources): Config {
  const problems: ConfigProblem[] = unknownVariables(env);
  const file = variable(env, configFileSetting.env);
  const fileTree = file === undefined ? {} : readYamlTree(file, readFile, problems);
  const { tree, variables } = setValues(fileTree ?? {}, env, problems);

  const { findings, settings } = checkSchema(tree);
  const consequences = [...checkRules(settings), ...checkFiles(settings, readFile)].filter(
    ({ path }) => !findings.some((finding) => touch(finding.path, path)),
  );
  for (const { path, what } of [...findings, ...consequences]) {
    const origin = variables.get(writePath(settingPath(path)));
    // What a file that cannot be read would have said is not known to be missing.
    if (fileTree === undefined && origin === undefined) continue;
    const isInFile =
      file !== undefined && (path[0] !== "instances" || "instances" in (fileTree ?? {}));
    problems.push({ at: origin ?? nameOf(path, isInFile), what });
  }

  if (problems.length > 0) throw new ConfigError(withoutRepetition(problems));
  return toConfig(settings);
}

/** Whether one place is within the other. */
const touch = (a: Path, b: Path): boolean => {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.every((part, at) => part === long[at]);
};

/** The place of the setting that a place is a part of. */
const settingPath = (path: Path): Path =>
  path.slice(0, settingAt(path)?.path.length ?? path.length);

/** The name by which the one who forgot or misplaced a value would look for it. */
const nameOf = (path: Path, isInFile: boolean): string =>
  (isInFile ? undefined : settingAt(path)?.env) ?? writePath(path);

const withoutRepetition = (problems: readonly ConfigProblem[]): ConfigProblem[] => [
  ...new Map(problems.map((problem) => [`${problem.at}: ${problem.what}`, problem])).values(),
];

/** The configuration that checked settings amount to. */
function toConfig(settings: Settings): Config {
  const { tls, redis, reflection, listen } = settings;
  const instances = checked(settings.instances).map(toInstance);
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
    defaultInstance: settings.defaultInstance ?? checked(instances[0]).alias,
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

/** A value that the checks guarantee. Throws if they let its absence pass. */
function checked<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the checks let a missing setting pass");
  return value;
}
