/** The connection to Redis, if the configuration needs one. */
import { readFileSync, statSync } from "node:fs";
import type { Config } from "../config/config.ts";
import { connectRedis, type RedisDeps } from "../redis/connect-redis.ts";
import type { RedisCommands } from "../redis/redis-commands.ts";

/** Connects in the background if anything uses Redis; otherwise returns `undefined`. */
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
      // Read for each connection: the file may have been replaced.
      password: () =>
        passwordFile === undefined ? password?.reveal() : readPassword(passwordFile),
      ca: caFile === undefined ? undefined : readFileSync(caFile, "utf8"),
      keyPrefix,
    },
    deps,
  );
}

/** Limit of a password file, in bytes. */
const maxFileBytes = 65_536;

/**
 * Reads a password file. Throws for anything else, such as a pipe: reading it could block the
 * process.
 */
function readPassword(path: string): string {
  const facts = statSync(path);
  if (!facts.isFile() || facts.size > maxFileBytes) throw new Error("not a password file");
  return readFileSync(path, "utf8").replace(/\r?\n$/, "");
}
