/** The connection to Redis, if the configuration needs one, and the records of request IDs. */
import type { Config } from "../config/config.ts";
import type { IdempotencyStore } from "../idempotency-store/store.ts";
import { openRequestRecords } from "./idempotency.ts";
import { readSmallFileSync } from "../platform/files/small-file.ts";
import type { RedisDeps, RedisSettings } from "../redis/connect-redis.ts";
import type { Metrics } from "../observability/metrics/metrics.ts";
import type { RedisCommands } from "../redis/redis-commands.ts";

/** The state that outlives a call: in this process, or in Redis for all replicas. */
export interface Stores extends AsyncDisposable {
  readonly redis: RedisCommands | undefined;
  /** Records of request IDs. `undefined` if none are configured. */
  readonly store: IdempotencyStore | undefined;
}

/** Opens the connection and the records. Does not wait for Redis. */
export async function openStores(
  config: Pick<Config, "redis" | "replicas" | "requestIds">,
  deps: OpenRedisDeps & { readonly metrics: Metrics },
): Promise<Stores> {
  const redis = await openRedis(config, deps);
  const records = openRequestRecords(config.requestIds, { ...deps, redis });
  return {
    redis,
    store: records.store,
    async [Symbol.asyncDispose]() {
      await records[Symbol.asyncDispose]();
      await redis?.close();
    },
  };
}

/** Dependencies of the connection. */
export interface OpenRedisDeps extends Omit<RedisDeps, "onFault"> {
  readonly metrics: Pick<Metrics, "watchRedis" | "redisFailed">;
}

/**
 * Connects in the background if anything uses Redis; otherwise resolves to `undefined`, and the
 * client library is not loaded.
 */
export async function openRedis(
  config: Pick<Config, "redis" | "replicas" | "requestIds">,
  { metrics, ...deps }: OpenRedisDeps,
): Promise<RedisCommands | undefined> {
  const settings = toRedisSettings(config);
  if (settings === undefined) return undefined;
  const { connectRedis } = await import("../redis/connect-redis.ts");
  const connection = connectRedis(settings, {
    ...deps,
    onFault: ({ code }) => metrics.redisFailed(code),
  });
  metrics.watchRedis(() => connection.isWorking);
  return connection;
}

/** The settings of the connection; `undefined` if nothing uses Redis. Reads the authorities. */
export function toRedisSettings({
  redis,
  replicas,
  requestIds,
}: Pick<Config, "redis" | "replicas" | "requestIds">): RedisSettings | undefined {
  const isUsed = replicas.quotaShare === "redis" || requestIds.store === "redis";
  if (redis === undefined || !isUsed) return undefined;
  const { url, username, password, passwordFile, caFile, keyPrefix } = redis;
  return {
    url,
    username,
    // Read for each connection: the file may have been replaced.
    password: () => (passwordFile === undefined ? password?.reveal() : readPassword(passwordFile)),
    ca: caFile === undefined ? undefined : readSmallFileSync(caFile).toString(),
    keyPrefix,
  };
}

/** Limit of a password file, in bytes. */
const maxPasswordBytes = 65_536;

/**
 * Reads a password file. Throws for anything but a small regular file. A byte order mark, blanks
 * and blank lines around the password are removed: editors and shells add them.
 */
const readPassword = (path: string): string =>
  readSmallFileSync(path, maxPasswordBytes).toString().trim();
