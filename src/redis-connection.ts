/** The connection to Redis, for the configurations that need one. */
import { readFileSync } from "node:fs";
import type { Config } from "./config/config.ts";
import { connectRedis, type RedisDeps } from "./redis/connect-redis.ts";
import type { RedisCommands } from "./redis/redis-commands.ts";

/** Connects in the background if anything is kept in Redis; `undefined` if nothing is. */
export function openRedis(
  config: Pick<Config, "redis" | "replicas" | "requestIds">,
  deps: RedisDeps,
): RedisCommands | undefined {
  const { redis, replicas, requestIds } = config;
  const isUsed = replicas.quotaShare === "redis" || requestIds.store === "redis";
  if (redis === undefined || !isUsed) return undefined;
  const { url, username, password, passwordFile, caFile, keyPrefix } = redis;
  return connectRedis(
    {
      url,
      username,
      // Asked for each connection: the file may have been replaced.
      password: () =>
        passwordFile === undefined
          ? password?.reveal()
          : readFileSync(passwordFile, "utf8").replace(/\r?\n$/, ""),
      ca: caFile === undefined ? undefined : readFileSync(caFile, "utf8"),
      keyPrefix,
    },
    deps,
  );
}
