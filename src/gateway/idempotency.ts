/** The records of request IDs: the configured store and its life. */
import type { Logger } from "pino";
import type { RequestIdsConfig } from "../config/config.ts";
import { createMemoryStore } from "../idempotency-store/memory-store.ts";
import { watchRecords } from "../idempotency-store/record-watch.ts";
import { createRedisStore } from "../idempotency-store/redis-store.ts";
import { createRetryingStore } from "../idempotency-store/retrying-store.ts";
import type { IdempotencyStore } from "../idempotency-store/store.ts";
import type { Metrics } from "../observability/metrics/metrics.ts";
import type { Clock } from "../platform/clock.ts";
import type { RedisCommands } from "../redis/redis-commands.ts";

/** The records of request IDs. Disposing of them completes what can still be completed. */
export interface RequestRecords extends AsyncDisposable {
  /** `undefined` if none is configured. */
  readonly store: IdempotencyStore | undefined;
}

/** Dependencies of the records. */
export interface RequestRecordsDeps {
  /** The connection that `store: "redis"` needs. */
  readonly redis: Pick<RedisCommands, "eval" | "info" | "isReady"> | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "requestIdsLost" | "watchRequestIdRisks">;
}

/** Opens the configured store of request IDs. */
export function openRequestRecords(
  { store, keepMs }: RequestIdsConfig,
  { redis, clock, logger, metrics }: RequestRecordsDeps,
): RequestRecords {
  if (store !== "redis") {
    return {
      store: store === "memory" ? createMemoryStore({ clock, keepMs }) : undefined,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
  // The configuration check rejects this combination before.
  if (redis === undefined)
    throw new Error("request IDs need Redis, and no connection is configured");
  const watch = watchRecords({ redis, clock, logger, onLoss: metrics.requestIdsLost });
  metrics.watchRequestIdRisks(() => watch.risks);
  const records = createRedisStore({ redis, keepMs, watch });
  const retrying = createRetryingStore({ store: records, clock, logger, keepMs });
  return {
    store: retrying,
    async [Symbol.asyncDispose]() {
      watch.close();
      await retrying[Symbol.asyncDispose]();
    },
  };
}
