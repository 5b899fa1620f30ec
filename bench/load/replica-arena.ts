/** An arena of four gateways that share a quota. Each has two callers. */
import type { RedisServer } from "../../test/support/redis-server.ts";
import { createArena, type Arena, type Period } from "./arena.ts";
import type { StartGateway } from "./gateway-process.ts";
import { createNames, gatewaySettings } from "./run-options.ts";
import type { LoadStream } from "./start-load.ts";

/** The shared quota, in requests per second. */
export const sharedPerSecond = 200;
/** Number of gateways. */
export const replicas = 4;

const callers = createNames("caller", 2 * replicas);
/** Index of the gateway that the arena assigns to a caller. */
const replicaOf = (caller: string): number => callers.indexOf(caller) % replicas;

/**
 * Starts the gateways, with equal parts of the quota, or with a Redis that shares it. Starts no
 * load.
 */
export async function createReplicaArena(
  redis: RedisServer | undefined,
  startGateway: StartGateway,
): Promise<Arena> {
  return createArena({
    arrangement: "gateway",
    upstream: { shape: "bucket", perSecond: sharedPerSecond },
    callers,
    startGateway,
    replicas,
    env: gatewaySettings({
      GATEWAY_RATE_CEILING: String(sharedPerSecond),
      GATEWAY_REPLICAS: String(replicas),
      ...(redis === undefined
        ? {}
        : { GATEWAY_QUOTA_SHARE: "redis", GATEWAY_REDIS_URL: redis.url }),
    }),
  });
}

/** Returns the same load for each replica except those that are left out. */
export const replicaLoad = (
  rhythm: LoadStream["rhythm"],
  idle: readonly number[] = [],
): readonly LoadStream[] =>
  callers
    .filter((caller) => !idle.includes(replicaOf(caller)))
    .map((caller) => ({ caller, operation: "unwrap", rhythm, deadlineMs: 20_000 }));

/** Twelve concurrent calls per caller: more than a replica can send with half of the quota. */
export const replicaSaturation: LoadStream["rhythm"] = { inFlight: 12 };

/** Returns the successful calls per second of each replica. */
export function replicaRates({ streams, seconds }: Period): readonly number[] {
  const rates = Array.from({ length: replicas }, () => 0);
  for (const { caller, ok } of streams) {
    const replica = replicaOf(caller);
    rates[replica] = (rates[replica] ?? 0) + ok / seconds;
  }
  return rates;
}

/** Returns the spread of the rates above 0: 0.05 if the highest is 5 % above the lowest. */
export function spread(rates: readonly number[]): number {
  const busy = rates.filter((rate) => rate > 0);
  return busy.length === 0 ? 0 : Math.max(...busy) / Math.min(...busy) - 1;
}

/** The served share of the quota. */
export const servedShare = ({ served, seconds }: Period): number =>
  served / seconds / sharedPerSecond;

/** Requests in the busiest second, as a share of the quota. */
export const busiestShare = ({ busiestSecond }: Period): number => busiestSecond / sharedPerSecond;
