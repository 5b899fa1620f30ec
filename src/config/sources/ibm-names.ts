/**
 * The names of IBM's SDKs as a source: the properties of the service `ibm_key_protect_api` in a
 * credentials file or the environment.
 */
import { join } from "node:path";
import type { ConfigProblem } from "../config-error.ts";
import { Secret } from "../../platform/secret.ts";
import { settingList } from "../schema/setting-list.ts";
import {
  type Environment,
  nearestName,
  type SetVariable,
  suggest,
  variable,
} from "./environment.ts";
import { errorCode } from "./yaml.ts";

/** Where credentials files are looked for. */
export interface CredentialsFiles {
  readonly env: Environment;
  /** Returns the text of a file, or throws. */
  readonly readFile: (path: string) => string;
  /** The process's working directory; absent if no file is looked for. */
  readonly workingDirectory?: string | undefined;
}

/** Settings by IBM's names, and remarks on names that are not used. */
export interface IbmVariables {
  readonly variables: readonly SetVariable[];
  readonly warnings: readonly ConfigProblem[];
}

const prefix = "IBM_KEY_PROTECT_API_";
const fileName = "ibm-credentials.env";

/** Properties that each way to get a token uses, with the settings that they are. */
const shared = {
  AUTH_URL: "iamUrl",
  CLIENT_ID: "clientId",
  CLIENT_SECRET: "clientSecret",
  SCOPE: "scope",
};
const byId = { IAM_PROFILE_ID: "profileId", IAM_PROFILE_NAME: "profileName" };
const byType: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  iam: { APIKEY: "apiKey", ...shared },
  container: { CR_TOKEN_FILENAME: "crTokenFile", ...byId, ...shared },
  vpc: {
    ...byId,
    IAM_PROFILE_CRN: "profileCrn",
    VPC_IMS_VERSION: "vpcImsVersion",
    AUTH_URL: "vpcImsUrl",
  },
  iamAssume: {
    APIKEY: "apiKey",
    ...byId,
    IAM_PROFILE_CRN: "profileCrn",
    IAM_ACCOUNT_ID: "accountId",
    ...shared,
  },
};

/** Properties that every way uses. */
const always: Readonly<Record<string, string>> = { URL: "serviceUrl", AUTH_TYPE: "authType" };

/** Properties of IBM's SDKs that the gateway has no use for. */
const otherProperties = [
  "DISABLE_SSL",
  "AUTH_DISABLE_SSL",
  "ENABLE_GZIP",
  "ENABLE_RETRIES",
  "MAX_RETRIES",
  "RETRY_INTERVAL",
  "USERNAME",
  "PASSWORD",
  "BEARER_TOKEN",
  "REFRESH_TOKEN",
];
const knownProperties = [
  ...new Set([...Object.keys(always), ...Object.values(byType).flatMap(Object.keys)]),
  ...otherProperties,
];

/** Properties of one source, and where that is. */
interface Properties {
  /** Completes the name of a property, such as ` (~/ibm-credentials.env)`. */
  readonly place: string;
  readonly values: ReadonlyMap<string, string>;
}

/**
 * Returns the settings that are given by IBM's names. As in the SDKs, only one source is used: the
 * credentials file if it has any property, else the environment.
 */
export function ibmVariables(sources: CredentialsFiles, problems: ConfigProblem[]): IbmVariables {
  const file = readCredentialsFile(sources, problems);
  const fromFile = file && propertiesIn(file.place, linesOf(file.text));
  const properties =
    fromFile !== undefined && fromFile.values.size > 0
      ? fromFile
      : propertiesIn("", Object.entries(sources.env));
  return toVariables(properties, variable(sources.env, "KP_AUTH_TYPE"), problems);
}

function toVariables(
  { place, values }: Properties,
  ownType: string | undefined,
  problems: ConfigProblem[],
): IbmVariables {
  const nameOf = (property: string): string =>
    `${/^\w{1,100}$/.test(property) ? prefix + property : `${prefix}…`}${place}`;
  for (const property of ["DISABLE_SSL", "AUTH_DISABLE_SSL"]) {
    const value = values.get(property);
    if (value === undefined || value.toLowerCase() === "false") continue;
    const what = "is not supported: certificates are always checked (GATEWAY_UPSTREAM_CA_FILE)";
    problems.push({ at: nameOf(property), what });
  }
  const said = authTypeOf(values, ownType);
  const type = said?.value ?? ownType ?? "iam";
  const used = new Map(Object.entries({ ...always, ...byType[type] }));
  // As in the SDKs: the account is only for looking up the name.
  if (!values.has("IAM_PROFILE_NAME")) used.delete("IAM_ACCOUNT_ID");
  const variables = [...used].flatMap(([property, setting]): SetVariable[] => {
    const isType = property === "AUTH_TYPE";
    const text = isType ? said?.value : values.get(property);
    const entry = settingList.find(({ path }) => path[0] === "instances" && path[2] === setting);
    if (text === undefined || entry === undefined) return [];
    const env = nameOf(isType ? (said?.property ?? property) : property);
    return [{ env, value: entry.fromText(text), entry }];
  });
  const warnings = [...values.keys()]
    .filter((name) => !used.has(name) && name !== said?.property && !name.endsWith("DISABLE_SSL"))
    .map((name) => ({
      at: nameOf(name),
      what: knownProperties.includes(name)
        ? `is not used with authType \`${type}\``
        : `there is no such property${suggest(nearestName(name, knownProperties))}`,
    }));
  return { variables, warnings };
}

/**
 * The way to get a token, and the property that says so. Without one, and without the gateway's own
 * name, an SDK takes the API key if there is one, else the container's token.
 */
function authTypeOf(
  values: ReadonlyMap<string, string>,
  ownType: string | undefined,
): { readonly property: string; readonly value: string } | undefined {
  const property = values.has("AUTH_TYPE") ? "AUTH_TYPE" : "AUTHTYPE";
  const written = values.get(property);
  if (written !== undefined) {
    const known = Object.keys(byType).find((type) => type.toLowerCase() === written.toLowerCase());
    return { property, value: known ?? written };
  }
  if (ownType !== undefined || values.has("APIKEY")) return undefined;
  const sign = ["IAM_PROFILE_ID", "IAM_PROFILE_NAME", "CR_TOKEN_FILENAME"].find((name) =>
    values.has(name),
  );
  return sign === undefined ? undefined : { property: sign, value: "container" };
}

function propertiesIn(
  place: string,
  entries: readonly (readonly [string, string | undefined])[],
): Properties {
  const values = entries.flatMap(([name, value = ""]): [string, string][] =>
    name.startsWith(prefix) && value.trim() !== ""
      ? [[name.slice(prefix.length), value.trim()]]
      : [],
  );
  return { place, values: new Map(values) };
}

/** The lines `NAME=value`. Quotes around a value are removed, as IBM's SDK for Node does. */
const linesOf = (text: string): (readonly [string, string])[] =>
  text.split("\n").flatMap((line): [string, string][] => {
    const [, name = "", value = ""] = /^\s*([^\s#=]+)\s*=(.*)$/.exec(line.trimEnd()) ?? [];
    const [, , quoted] = /^(["'])(.*)\1$/.exec(value.trim()) ?? [];
    return name === "" ? [] : [[name, quoted ?? value]];
  });

/** Reads the first credentials file that exists. An SDK goes on without one that cannot be read. */
function readCredentialsFile(
  { env, readFile, workingDirectory }: CredentialsFiles,
  problems: ConfigProblem[],
): { readonly place: string; readonly text: string } | undefined {
  const named = variable(env, "IBM_CREDENTIALS_FILE");
  if (named !== undefined) {
    try {
      return { place: " (file of IBM_CREDENTIALS_FILE)", text: readFile(named) };
    } catch (error) {
      const what = `names a file that cannot be read (${errorCode(error)})`;
      problems.push({ at: "IBM_CREDENTIALS_FILE", what });
      return undefined;
    }
  }
  const directories = [
    [".", workingDirectory],
    ["~", workingDirectory === undefined ? undefined : variable(env, "HOME")],
  ] as const;
  for (const [shown, directory] of directories) {
    if (directory === undefined) continue;
    const place = ` (${shown}/${fileName})`;
    try {
      return { place, text: readFile(join(directory, fileName)) };
    } catch (error) {
      const code = errorCode(error);
      if (["ENOENT", "ENOTDIR", "NOT_A_REGULAR_FILE"].includes(code)) continue;
      problems.push({ at: `${shown}/${fileName}`, what: `cannot be read (${code})` });
      return undefined;
    }
  }
  return undefined;
}

/**
 * Joins the gateway's own variables and IBM's. A setting that both give has to have the same value:
 * neither family silently wins.
 */
export function joinFamilies(
  own: readonly SetVariable[],
  ibm: readonly SetVariable[],
  problems: ConfigProblem[],
): SetVariable[] {
  const added = ibm.filter(({ env, value, entry }) => {
    const twin = own.find((other) => other.entry === entry);
    if (twin !== undefined && textOf(twin.value) !== textOf(value)) {
      const what = `is also set, to another value, as ${env}; set only one`;
      problems.push({ at: twin.env, what });
    }
    return twin === undefined;
  });
  return [...own, ...added];
}

const textOf = (value: unknown): string =>
  value instanceof Secret ? value.reveal() : JSON.stringify(value);
