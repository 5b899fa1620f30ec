import type { SettingFinding } from "./schema.ts";
import { type Path, writePath } from "../schema/setting-list.ts";
import type { InstanceSettings, Settings } from "../schema/settings.ts";
import { defaultCrTokenFiles } from "../../iam/credentials/secret-file.ts";
import { findApiKey, findWord } from "../../iam/credentials/secret-text.ts";
import {
  checkServerPem,
  hasTrustedCertificates,
  PemError,
  type PemFile,
} from "../../platform/files/pem.ts";
import { errorCode } from "../sources/yaml.ts";
import { typesOf } from "./credentials.ts";

/** Access to files and the clock. */
export interface FileCheckDeps {
  /** Returns the text of a file, or throws. */
  readonly readFile: (path: string) => string;
  /** Milliseconds since the Unix epoch. */
  readonly wallNow: () => number;
}

/**
 * Reads every file that the settings name, so that a missing mount, or a key that is not that of
 * the certificate, is found at start and not at the first call.
 */
export function checkFiles(settings: Settings, deps: FileCheckDeps): SettingFinding[] {
  const { instances = [] } = settings;
  const texts = new Map<string, PemFile>();
  const findings = namedFiles(settings).flatMap(({ path, file }) => {
    try {
      const text = deps.readFile(file);
      const problem = contentProblem(path, text);
      if (problem !== undefined) return [{ path, what: problem }];
      const name = writePath(path);
      texts.set(name, { name, text });
      return [];
    } catch (error) {
      return [{ path, what: `names a file that cannot be read (${errorCode(error)})` }];
    }
  });
  return [
    ...findings,
    ...checkDefaultTokens(instances, deps),
    ...checkCertificates(settings.tls, texts, deps.wallNow()),
  ];
}

/** A file and the place of the setting that names it. */
export interface NamedFile {
  readonly path: Path;
  readonly file: string;
}

/** Returns every file that the settings name. */
export function namedFiles(settings: Settings): NamedFile[] {
  const { tls, upstream, proxy, redis, tracing, instances = [] } = settings;
  const named: [Path, string | undefined][] = [
    [["tls", "certFile"], tls?.certFile],
    [["tls", "keyFile"], tls?.keyFile],
    [["tls", "clientCaFile"], tls?.clientCaFile],
    [["upstream", "caFile"], upstream.caFile],
    [["proxy", "caFile"], proxy.caFile],
    [["redis", "caFile"], redis.caFile],
    [["redis", "passwordFile"], redis.passwordFile],
    [["tracing", "caFile"], tracing.caFile],
    [["tracing", "tracesCaFile"], tracing.tracesCaFile],
    ...instances.flatMap((instance, at) =>
      (["apiKeyFile", "crTokenFile", "clientSecretFile"] as const).map(
        (name): [Path, string | undefined] => [
          ["instances", at, name],
          instance.credentials === "gateway" ? instance[name] : undefined,
        ],
      ),
    ),
  ];
  return named.flatMap(([path, file]) => (file === undefined ? [] : [{ path, file }]));
}

/** Checks that the platform has put a compute-resource token where the gateway looks for it. */
function checkDefaultTokens(
  instances: readonly InstanceSettings[],
  deps: FileCheckDeps,
): SettingFinding[] {
  const isReadable = (file: string): boolean => {
    try {
      return findWord(deps.readFile(file)) !== undefined;
    } catch {
      return false;
    }
  };
  return instances.flatMap((instance, at) => {
    const isAsked = typesOf(instance).includes("container") && instance.crTokenFile === undefined;
    if (!isAsked || defaultCrTokenFiles.some(isReadable)) return [];
    const what = `is not set, and none of ${defaultCrTokenFiles.join(", ")} contains a token; mount one (docs/operations.md)`;
    return [{ path: ["instances", at, "crTokenFile"], what }];
  });
}

/** The problem of one file by itself. */
function contentProblem(path: Path, text: string): string | undefined {
  if (text.trim() === "") return "names a file that is empty";
  const name = path.at(-1);
  if (name === "apiKeyFile" && findApiKey(text) === undefined) {
    return "names a file that contains no API key";
  }
  if ((name === "crTokenFile" || name === "clientSecretFile") && findWord(text) === undefined) {
    return "names a file that contains white space between other characters";
  }
  return (name === "caFile" || name === "tracesCaFile") && !hasTrustedCertificates(text)
    ? "names a file that contains no usable PEM certificate"
    : undefined;
}

/** Checks that the files of the TLS listeners fit each other, as the server does. */
function checkCertificates(
  tls: Settings["tls"],
  texts: ReadonlyMap<string, PemFile>,
  wallNow: number,
): SettingFinding[] {
  const cert = texts.get("tls.certFile");
  const key = texts.get("tls.keyFile");
  const clientCa = texts.get("tls.clientCaFile");
  const isIncomplete = tls?.clientCaFile !== undefined && clientCa === undefined;
  if (cert === undefined || key === undefined || isIncomplete) return [];
  try {
    checkServerPem({ cert, key, clientCa }, wallNow);
    return [];
  } catch (error) {
    if (!(error instanceof PemError)) throw error;
    return [{ path: ["tls", `${error.file}File`], what: error.message }];
  }
}
