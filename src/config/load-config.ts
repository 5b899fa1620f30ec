/** Loads the configuration: sources, schema, rules, result. */
import { checkFiles } from "./checks/files.ts";
import { checkRules } from "./checks/rules.ts";
import { checkSchema } from "./checks/schema.ts";
import { findFileWarnings } from "./checks/file-warnings.ts";
import { findWarnings } from "./checks/warnings.ts";
import type { Config, InstanceConfig } from "./config.ts";
import { ConfigError, type ConfigProblem } from "./config-error.ts";
import { toCredential } from "./credential.ts";
import { toEndpoint } from "./endpoint.ts";
import { isLocalAddress } from "./listen-address.ts";
import { credentialSettings } from "./schema/credential-settings.ts";
import { type Path, settingAt, writePath } from "./schema/setting-list.ts";
import { setValues } from "./sources/merge.ts";
import { configFileSetting, type InstanceSettings, type Settings } from "./schema/settings.ts";
import {
  type Environment,
  ownVariables,
  unknownVariables,
  variable,
} from "./sources/environment.ts";
import { ibmVariables, joinFamilies } from "./sources/ibm-names.ts";
import { readYamlTree } from "./sources/yaml.ts";

/** The sources of the configuration. */
export interface ConfigSources {
  readonly env: Environment;
  /** Returns the text of a file, or throws. */
  readonly readFile: (path: string) => string;
  /**
   * Directory in which `ibm-credentials.env` is looked for, before `$HOME`. Default: it is looked
   * for nowhere.
   */
  readonly workingDirectory?: string;
  /** Milliseconds since the Unix epoch, for certificates. Default: the machine's clock. */
  readonly wallNow?: () => number;
  /**
   * Returns the mode bits of a file; `undefined` if they are not known. With it, warnings are also
   * given of files that others can read and of certificates that end soon.
   */
  readonly modeOf?: (path: string) => number | undefined;
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
  const ibm = ibmVariables(sources, problems);
  const set = joinFamilies(ownVariables(env), ibm.variables, problems);
  const { tree, variables } = setValues(fileTree ?? {}, set, problems);

  const { findings, settings } = checkSchema(tree);
  const consequences = [
    ...checkRules(settings),
    ...checkFiles(settings, { readFile, wallNow }),
  ].filter(({ path }) => !findings.some((finding) => isConsequence(finding.path, path)));
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
    for (const warning of ibm.warnings) onWarning(warning);
    const { modeOf } = sources;
    const ofFiles = modeOf && findFileWarnings(settings, { readFile, wallNow, modeOf });
    for (const { path, what } of [...findWarnings(settings, tree), ...(ofFiles ?? [])]) {
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

/**
 * Whether a finding at `path` may only be due to a wrong value at `cause`: there, or in the
 * credential if its kind is wrong.
 */
const isConsequence = (cause: Path, path: Path): boolean => {
  const [list, at, name] = cause;
  const isKind = name === "authType" || name === "baseAuthType" || name === "credentials";
  const isOfSame = path[0] === list && path[1] === at && String(path[2]) in credentialSettings;
  return touch(cause, path) || (isKind && isOfSame);
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
  const defaultInstance = settings.defaultInstance ?? only?.alias;
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
    defaultInstance,
    endpoints: (settings.endpoints ?? []).map((each) => toEndpoint(each, defaultInstance)),
    redis: redis.url === undefined ? undefined : { ...redis, url: redis.url },
  };
}

function toInstance(instance: InstanceSettings): InstanceConfig {
  const { rateMode, rateCeiling, rateInitial, rateLongestHoldMs, ...settings } = instance;
  const autoMode = rateCeiling === undefined ? "adaptive" : "down-only";
  const rate: InstanceConfig["rate"] = {
    mode: rateMode === "auto" ? autoMode : rateMode,
    ceiling: rateCeiling,
    initial: rateInitial,
    longestHoldMs: rateLongestHoldMs,
  };
  return { ...without(settings, credentialSettings), credential: toCredential(instance), rate };
}

/** Returns the fields whose names are not among those of `others`. */
function without<T extends object, U extends object>(value: T, others: U): Omit<T, keyof U> {
  const left = Object.entries(value).filter(([name]) => !(name in others));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only fields of U are removed
  return Object.fromEntries(left) as Omit<T, keyof U>;
}

/** Returns a value whose presence the checks guarantee. Throws if they missed its absence. */
function checked<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the checks missed an absent setting");
  return value;
}
