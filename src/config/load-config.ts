import { checkFiles } from "./checks/files.ts";
import { checkRules } from "./checks/rules.ts";
import { checkSchema } from "./checks/schema.ts";
import type { Config, InstanceConfig, RedisConfig } from "./config.ts";
import { ConfigError, type ConfigProblem } from "./config-error.ts";
import { isLocalAddress } from "./listen-address.ts";
import { type Path, settingAt, writePath } from "./schema/setting-list.ts";
import { setValues } from "./sources/merge.ts";
import { configFileSetting, type Settings } from "./schema/settings.ts";
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

  const config = toConfig(settings);
  if (problems.length === 0 && config !== undefined) return config;
  throw new ConfigError(withoutRepetition(problems));
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

/** `undefined` if there is no instance; a problem has been found then. */
function toConfig(settings: Settings): Config | undefined {
  const { tls, upstream } = settings;
  const instances = (settings.instances ?? []).map(toInstance);
  const defaultInstance = settings.defaultInstance ?? instances[0]?.alias;
  if (defaultInstance === undefined) return undefined;
  return {
    listen: settings.listen,
    adminListen: settings.adminListen,
    logLevel: settings.logLevel,
    reflection:
      settings.reflection === "auto"
        ? settings.listen.every(isLocalAddress)
        : settings.reflection === "on",
    allowPlaintext: settings.allowPlaintext,
    allowInsecureUpstream: settings.allowInsecureUpstream,
    tls: tls && {
      certFile: tls.certFile ?? "",
      keyFile: tls.keyFile ?? "",
      clientCaFile: tls.clientCaFile,
      trustDomains: tls.trustDomains ?? [],
    },
    instances,
    defaultInstance,
    limits: settings.limits,
    drain: settings.drain,
    upstream: {
      connections: upstream.connections,
      connectTimeoutMs: upstream.connectTimeoutMs,
      caFile: upstream.caFile,
      attemptTimeoutMs: upstream.attemptTimeoutMs,
    },
    queue: settings.queue,
    retry: settings.retry,
    breaker: settings.breaker,
    coalesce: settings.coalesce,
    requestIds: settings.requestIds,
    replicas: settings.replicas,
    redis: toRedis(settings.redis),
    policy: settings.policy,
  };
}

function toRedis(redis: Settings["redis"]): RedisConfig | undefined {
  const { url, username, password, passwordFile, caFile, keyPrefix } = redis;
  return url === undefined
    ? undefined
    : { url, username, password, passwordFile, caFile, keyPrefix };
}

function toInstance(instance: NonNullable<Settings["instances"]>[number]): InstanceConfig {
  const { alias, serviceUrl, instanceId, dialect, credentials, apiKey, apiKeyFile, iamUrl } =
    instance;
  const { rateMode, rateCeiling: ceiling, rateInitial, rateLongestHoldMs } = instance;
  const rate: InstanceConfig["rate"] = {
    mode: rateMode === "auto" ? (ceiling === undefined ? "adaptive" : "down-only") : rateMode,
    ceiling,
    initial: rateInitial,
    longestHoldMs: rateLongestHoldMs,
  };
  const credential: InstanceConfig["credential"] =
    credentials === "caller"
      ? { kind: "caller" }
      : apiKey === undefined
        ? { kind: "apiKeyFile", path: apiKeyFile ?? "", iamUrl }
        : { kind: "apiKey", apiKey, iamUrl };
  return { alias, serviceUrl, instanceId, dialect, credential, rate };
}
