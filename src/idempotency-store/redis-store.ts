import type { LuaScript, RedisCommands } from "../redis/redis-commands.ts";
import { claimScript, settleScript } from "./redis-scripts.ts";
import { RecordsError } from "./store-error.ts";
import type { Claim, RequestRecords } from "./store.ts";
import { createTurns, identifyShared } from "./fingerprint.ts";

/** What records in Redis are kept with. */
export interface RedisRecordsOptions {
  readonly redis: Pick<RedisCommands, "eval">;
  /** How long a record is kept once its request has ended, in milliseconds. */
  readonly keepMs: number;
}

const keyOf = (name: string): string => `request:${name}`;

function toClaim(reply: unknown): Claim {
  const [kind, keyId]: readonly unknown[] = Array.isArray(reply) ? reply : [];
  switch (kind) {
    case "claimed":
    case "running":
    case "unknown":
    case "reused":
      return { kind };
    case "done":
      if (typeof keyId === "string" && keyId !== "") return { kind, keyId };
  }
  throw new RecordsError("AWAY", "the record in Redis makes no sense");
}

/**
 * Keeps records in Redis, for all gateways that use the same Redis and prefix. They last as long as Redis keeps them: it has to persist them
 * and must not evict.
 */
export function createRedisRecords({ redis, keepMs }: RedisRecordsOptions): RequestRecords {
  const takeTurns = createTurns();

  async function run(
    script: LuaScript,
    name: string,
    args: readonly (string | number)[],
  ): Promise<unknown> {
    try {
      return await redis.eval(script, [keyOf(name)], args);
    } catch (cause) {
      throw new RecordsError("AWAY", "Redis, which keeps the request IDs, did not answer", {
        cause,
      });
    }
  }

  return {
    identify: (parts, call) => identifyShared(parts, takeTurns, call),
    async claim({ name, fingerprint }, claimant, leaseMs) {
      const lease = Math.ceil(leaseMs);
      return toClaim(await run(claimScript, name, [fingerprint, claimant, lease, keepMs]));
    },
    async settle({ name, fingerprint }, claimant, settlement) {
      const keyId = settlement.kind === "done" ? settlement.keyId : "";
      await run(settleScript, name, [fingerprint, claimant, settlement.kind, keyId, keepMs]);
    },
  };
}
