import type { LuaScript, RedisCommands } from "../redis/redis-commands.ts";
import { createMutex, identifyShared } from "./fingerprint.ts";
import type { RecordWatch } from "./record-watch.ts";
import { beginScript, completeScript, confirmScript } from "./redis-scripts.ts";
import { StoreError } from "./store-error.ts";
import type { BeginResult, IdempotencyStore } from "./store.ts";

/** Options of a store in Redis. */
export interface RedisStoreOptions {
  readonly redis: Pick<RedisCommands, "eval">;
  /** How long a record is kept after its request has ended, in milliseconds. */
  readonly keepMs: number;
  readonly watch?: Pick<RecordWatch, "written" | "lostOne"> | undefined;
}

function toBeginResult(reply: unknown): BeginResult {
  const [kind, keyId]: readonly unknown[] = Array.isArray(reply) ? reply : [];
  switch (kind) {
    case "begun":
    case "running":
    case "unknown":
    case "reused":
      return { kind };
    case "done":
      if (typeof keyId === "string" && keyId !== "") return { kind, keyId };
  }
  throw new StoreError("AWAY", "the record in Redis is malformed");
}

/**
 * Creates a store in Redis, for all gateways that use the same server and key prefix. Redis has to
 * persist the records and must not evict them.
 */
export function createRedisStore({ redis, keepMs, watch }: RedisStoreOptions): IdempotencyStore {
  const runExclusive = createMutex();

  async function run(
    script: LuaScript,
    name: string,
    args: readonly (string | number)[],
  ): Promise<unknown> {
    try {
      return await redis.eval(script, [`request:${name}`], args);
    } catch (cause) {
      throw new StoreError("AWAY", "Redis, which keeps the request IDs, did not answer", { cause });
    }
  }

  return {
    identify: (parts, call) => identifyShared(parts, runExclusive, call),
    async begin({ name, fingerprint }, owner, reserveMs) {
      const args = [fingerprint, owner, Math.ceil(reserveMs)];
      return toBeginResult(await run(beginScript, name, args));
    },
    async confirm({ name }, owner, leaseMs) {
      const reply = await run(confirmScript, name, [owner, Math.ceil(leaseMs), keepMs]);
      watch?.written();
      return reply === 1;
    },
    async complete({ name, fingerprint }, owner, completion) {
      const keyId = completion.kind === "done" ? completion.keyId : "";
      const args = [fingerprint, owner, completion.kind, keyId, keepMs];
      const reply = await run(completeScript, name, args);
      watch?.written();
      if (reply === 2) watch?.lostOne();
    },
  };
}
