/**
 * Translates settings into the options of the layers: the one place that knows both vocabularies.
 * Constants that no setting changes are filled in here too.
 */
import type { Config, InstanceConfig } from "../config/config.ts";
import { rpcTable } from "../rpc-table.ts";
import type { Circuits } from "../upstream/circuit-breaker/breakers.ts";
import type { QuotaSettings } from "../upstream/rate-limit/adaptive/settings.ts";
import type { QueueBounds } from "../upstream/rate-limit/queue/queue-limits.ts";

/**
 * Options of the two circuits of a host, or `"off"`. Management and bulk operations are slower than
 * wraps and unwraps: their window and reset time are doubled.
 */
export function toCircuits(breaker: Config["breaker"]): Circuits | "off" {
  const { enabled, failurePercent, minimumRequests: minimumExchanges } = breaker;
  if (!enabled) return "off";
  const { resetMs, longestResetMs } = breaker;
  const shared = { failurePercent, minimumExchanges, longestResetMs, probeMs: 2_000 };
  return {
    data: { ...shared, windowMs: resetMs, resetMs },
    management: { ...shared, windowMs: 2 * resetMs, resetMs: 2 * resetMs },
  };
}

/** Names of the methods whose identical calls share one upstream request. */
export function coalescedMethods({ reads, unwraps }: Config["coalesce"]): ReadonlySet<string> {
  const isShared = { read: reads, unwrap: unwraps, never: false };
  return new Set(rpcTable.filter((rpc) => isShared[rpc.coalesce]).map(({ method }) => method));
}

/**
 * Names of the methods that change what reads return: those whose own priority is that of changes,
 * whatever priority a caller selects.
 */
export const changingMethods = (): ReadonlySet<string> =>
  new Set(
    rpcTable
      .filter(({ highestPriority }) => highestPriority === "management")
      .map(({ method }) => method),
  );

/**
 * Whether this is the only gateway to its instances, as far as the configuration tells: another one
 * would make changes that this one does not see.
 */
export const isOnlyReplica = ({
  replicas,
  requestIds,
}: Pick<Config, "replicas" | "requestIds">): boolean =>
  replicas.count === 1 && replicas.quotaShare === "static" && requestIds.store !== "redis";

/** Limits of an instance's queue. */
export const toQueueBounds = (queue: Config["queue"]): QueueBounds => ({
  calls: queue.maxCalls,
  workMs: queue.maxWorkMs,
  callerPercent: queue.maxCallerPercent,
});

/**
 * The rate settings of one replica: an equal part of the quota. `undefined` if the rate is not
 * limited (`off`).
 */
export function toQuotaSettings(
  rate: InstanceConfig["rate"],
  replicas: number,
): QuotaSettings | undefined {
  const { mode, ceiling, initial, longestHoldMs } = rate;
  const ceilingPerSecond = ceiling === undefined ? undefined : ceiling / replicas;
  if (mode === "off") return undefined;
  if (mode !== "adaptive") {
    // The configuration is rejected without one.
    if (ceilingPerSecond === undefined) throw new Error(`${mode} without a ceiling`);
    return { mode, ceilingPerSecond, longestHoldMs };
  }
  const initialPerSecond = initial === undefined ? Number.POSITIVE_INFINITY : initial / replicas;
  return {
    mode,
    ...(ceilingPerSecond === undefined ? {} : { ceilingPerSecond }),
    initialPerSecond,
    longestHoldMs,
  };
}
