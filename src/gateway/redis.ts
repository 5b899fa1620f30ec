/** The connection to Redis, if the configuration needs one. */
import type { Config } from "../config/config.ts";
import { readSmallFileSync } from "../platform/files/small-file.ts";
import { connectRedis, type RedisDeps } from "../redis/connect-redis.ts";
import type { Metrics } from "../observability/metrics/metrics.ts";
import type { RedisCommands } from "../redis/redis-commands.ts";

/** Dependencies of the connection. */
export interface OpenRedisDeps extends Omit<RedisDeps, "onFault"> {
  readonly metrics: Pick<Metrics, "watchRedis" | "redisFailed">;
}

/** Connects in the background if anything uses Redis; otherwise returns `undefined`. */
export function openRedis(
  config: Pick<Config, "redis" | "replicas" | "requestIds">,
  { metrics, ...deps }: OpenRedisDeps,
): RedisCommands | undefined {
  const { redis, replicas, requestIds } = config;
  const isUsed = replicas.quotaShare === "redis" || requestIds.store === "redis";
  if (redis === undefined || !isUsed) return undefined;
  const { url, username, password, passwordFile, caFile, keyPrefix } = redis;
  const connection = connectRedis(
    {
      url,
      username,
      // Read for each connection: the file may have been replaced.
      password: () =>
        passwordFile === undefined ? password?.reveal() : readPassword(passwordFile),
      ca: caFile === undefined ? undefined : readSmallFileSync(caFile).toString(),
      keyPrefix,
    },
    { ...deps, onFault: ({ code }) => metrics.redisFailed(code) },
  );
  metrics.watchRedis(() => connection.isWorking);
  return connection;
}

/** Limit of a password file, in bytes. */
const maxPasswordBytes = 65_536;

/**
 * Reads a password file. Throws for anything but a small regular file. A byte order mark, blanks
 * and blank lines around the password are removed: editors and shells add them.
 */
const readPassword = (path: string): string =>
  readSmallFileSync(path, maxPasswordBytes).toString().trim();
