import type { RequestIdsConfig } from "../config/config.ts";
import { createMemoryStore } from "../idempotency-store/memory-store.ts";
import { createRedisStore } from "../idempotency-store/redis-store.ts";
import type { RedisCommands } from "../redis/redis-commands.ts";
import type { IdempotencyDeps } from "../service/service-deps.ts";

/** Dependencies of the support for request IDs, except for the store. */
export interface IdempotencyParts extends Omit<IdempotencyDeps, "store"> {
  /** The connection that `store: "redis"` needs. */
  readonly redis: Pick<RedisCommands, "eval"> | undefined;
}

/** Creates the configured store of request IDs. Returns `undefined` if none is configured. */
export function createIdempotency(
  { store, keepMs }: RequestIdsConfig,
  { redis, ...deps }: IdempotencyParts,
): IdempotencyDeps | undefined {
  if (store === "none") return undefined;
  if (store === "memory") {
    return { store: createMemoryStore({ clock: deps.clock, keepMs }), ...deps };
  }
  // The configuration check rejects this combination before.
  if (redis === undefined)
    throw new Error("request IDs need Redis, and no connection is configured");
  return { store: createRedisStore({ redis, keepMs }), ...deps };
}
