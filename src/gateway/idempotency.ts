import type { Clock } from "../platform/clock.ts";
import type { RequestIdsConfig } from "../config/config.ts";
import type { CallContext } from "../grpc/call/call-context.ts";
import type { RedisCommands } from "../redis/redis-commands.ts";
import { createMemoryRecords } from "../idempotency-store/memory-store.ts";
import { createRedisRecords } from "../idempotency-store/redis-store.ts";
import type { RequestIds } from "../service/idempotency/options.ts";

/** What request IDs are kept with. */
export interface RequestIdsDeps {
  /** The connection that `store: "redis"` needs. */
  readonly redis: Pick<RedisCommands, "eval"> | undefined;
  readonly isTokenPassedThrough: (context: CallContext) => boolean;
  readonly instanceIdOf: (context: CallContext) => string;
  readonly clock: Clock;
}

/** Builds what the configuration asks for; `undefined` where no request IDs are kept. */
export function createRequestIds(
  { store, keepMs }: RequestIdsConfig,
  { redis, ...deps }: RequestIdsDeps,
): RequestIds | undefined {
  if (store === "none") return undefined;
  if (store === "memory") {
    return { records: createMemoryRecords({ clock: deps.clock, keepMs }), ...deps };
  }
  // The configuration is refused before it comes to this.
  if (redis === undefined)
    throw new Error("request IDs are to be kept in Redis, and there is none");
  return { records: createRedisRecords({ redis, keepMs }), ...deps };
}
