/** The connection to Redis, for the configurations that need one. */
import { readFileSync, statSync } from "node:fs";
import type { Config } from "../config/config.ts";
import { connectRedis, type RedisDeps } from "../redis/connect-redis.ts";
import type { RedisCommands } from "../redis/redis-commands.ts";

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
        passwordFile === undefined ? password?.reveal() : readPassword(passwordFile),
      ca: caFile === undefined ? undefined : readFileSync(caFile, "utf8"),
      keyPrefix,
    },
    deps,
  );
}

/** More than any password takes. */
const maxFileBytes = 65_536;

/** Throws for what is no file, a pipe among others: reading one could hold up the whole process. */
function readPassword(path: string): string {
  const facts = statSync(path);
  if (!facts.isFile() || facts.size > maxFileBytes) throw new Error("not a file with a password");
  return readFileSync(path, "utf8").replace(/\r?\n$/, "");
}
