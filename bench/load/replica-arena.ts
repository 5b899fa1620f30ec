/** Four gateways with one quota among them, each with two callers of its own. */
import type { RedisServer } from "../../test/support/redis-server.ts";
import { createArena, type Arena, type Period } from "./arena.ts";
import type { StartGateway } from "./gateway-process.ts";
import { createNames, gatewaySettings } from "./run-options.ts";
import type { LoadStream } from "./start-load.ts";

/** Requests per second of all together. */
export const sharedPerSecond = 200;
export const replicas = 4;

const callers = createNames("caller", 2 * replicas);
/** As the arena deals them out. */
const replicaOf = (caller: string): number => callers.indexOf(caller) % replicas;

/** Starts them, with equal parts or with a Redis to share through. No load yet. */
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

/** The same load for each replica but those that are left out. */
export const replicaLoad = (
  rhythm: LoadStream["rhythm"],
  idle: readonly number[] = [],
): readonly LoadStream[] =>
  callers
    .filter((caller) => !idle.includes(replicaOf(caller)))
    .map((caller) => ({ caller, operation: "unwrap", rhythm, deadlineMs: 20_000 }));

/** More than a replica may send, even if it has half of the quota: twelve calls at a time of each caller. */
export const replicaSaturation: LoadStream["rhythm"] = { inFlight: 12 };

/** Successful calls per second by replica. */
export function replicaRates({ streams, seconds }: Period): readonly number[] {
  const rates = Array.from({ length: replicas }, () => 0);
  for (const { caller, ok } of streams) {
    const replica = replicaOf(caller);
    rates[replica] = (rates[replica] ?? 0) + ok / seconds;
  }
  return rates;
}

/** How far the rates of those that have any are from each other: 0.05 if the highest is 5 % above the lowest. */
export function spread(rates: readonly number[]): number {
  const busy = rates.filter((rate) => rate > 0);
  return busy.length === 0 ? 0 : Math.max(...busy) / Math.min(...busy) - 1;
}

/** The part of the quota that was served. */
export const servedShare = ({ served, seconds }: Period): number =>
  served / seconds / sharedPerSecond;

/** The busiest second of all, as a part of the quota. */
export const busiestShare = ({ busiestSecond }: Period): number => busiestSecond / sharedPerSecond;
