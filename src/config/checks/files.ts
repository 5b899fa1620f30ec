import type { SettingFinding } from "./schema.ts";
import type { Path } from "../schema/setting-list.ts";
import type { Settings } from "../schema/settings.ts";
import { findApiKey } from "../../iam/api-key-text.ts";
import { errorCode } from "../sources/yaml.ts";

/**
 * Reads every file that the settings name, so that a missing mount is found at start and not at the
 * first call.
 */
export function checkFiles(
  settings: Settings,
  readFile: (path: string) => string,
): SettingFinding[] {
  const { tls, upstream, proxy, redis, instances = [] } = settings;
  const named: [Path, string | undefined][] = [
    [["tls", "certFile"], tls?.certFile],
    [["tls", "keyFile"], tls?.keyFile],
    [["tls", "clientCaFile"], tls?.clientCaFile],
    [["upstream", "caFile"], upstream.caFile],
    [["proxy", "caFile"], proxy.caFile],
    [["redis", "caFile"], redis.caFile],
    [["redis", "passwordFile"], redis.passwordFile],
    ...instances.map(({ apiKeyFile, credentials }, at): [Path, string | undefined] => [
      ["instances", at, "apiKeyFile"],
      credentials === "gateway" ? apiKeyFile : undefined,
    ]),
  ];
  return named.flatMap(([path, file]) => {
    if (file === undefined) return [];
    try {
      const text = readFile(file);
      if (text.trim() === "") return [{ path, what: "names a file that is empty" }];
      const isKeyless = path.at(-1) === "apiKeyFile" && findApiKey(text) === undefined;
      return isKeyless ? [{ path, what: "names a file that contains no API key" }] : [];
    } catch (error) {
      return [{ path, what: `names a file that cannot be read (${errorCode(error)})` }];
    }
  });
}
