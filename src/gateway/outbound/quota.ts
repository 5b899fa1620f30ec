/** The quota of one instance: for this replica alone, in equal parts, or shared through Redis. */
import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { Clock } from "../../platform/clock.ts";
import type { Config, InstanceConfig } from "../../config/config.ts";
import { createDemandEstimate } from "../../quota-share/demand-estimate.ts";
import {
  createQuotaShare,
  type QuotaShare,
  type QuotaShareState,
} from "../../quota-share/quota-share.ts";
import type { RedisCommands } from "../../redis/redis-commands.ts";
import type { RateLimit, RateLimitOptions } from "../../upstream/rate-limit/rate-limit.ts";
import { toQuotaSettings } from "../options.ts";
import type { Scheduler } from "../../upstream/rate-limit/queue/scheduler.ts";
import { createLeasedRate } from "../../upstream/rate-limit/adaptive/leased-rate.ts";

/** The quota of an instance, before and after its rate limit is built. */
export interface InstanceQuota {
  /** Options of the rate limit. */
  readonly rateLimitOptions: Pick<RateLimitOptions, "quota" | "share">;
  /** Starts sharing, once the rate limit is built. */
  join(rateLimit: Pick<RateLimit, "applyRate" | "scheduler">): QuotaMembership;
}

/** Membership in a shared quota. Disposing of it returns the lease. */
export interface QuotaMembership extends AsyncDisposable {
  /** The state of the share; `undefined` if the quota is not shared through Redis. */
  readonly state: () => QuotaShareState | undefined;
}

/** Dependencies of a quota. */
export interface InstanceQuotaDeps {
  readonly replicas: Config["replicas"];
  /** Required for sharing through Redis. */
  readonly redis: RedisCommands | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Membership of a quota that is not shared. */
const alone: QuotaMembership = {
  state: () => undefined,
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

/** Prepares the quota of an instance. Sends nothing to Redis yet. */
export function openQuota(config: InstanceConfig, deps: InstanceQuotaDeps): InstanceQuota {
  const { rate, instanceId } = config;
  const { replicas, redis } = deps;
  const isShared = replicas.quotaShare === "redis" && redis !== undefined && rate.mode !== "off";
  if (!isShared) {
    return {
      rateLimitOptions: { quota: toQuotaSettings(rate, replicas.count) },
      join: () => alone,
    };
  }
  return shareQuota(rate, instanceId, { ...deps, redis });
}

/** Prepares a quota that the replicas share through Redis. */
function shareQuota(
  rate: InstanceConfig["rate"],
  instanceId: string,
  deps: InstanceQuotaDeps & { readonly redis: RedisCommands },
): InstanceQuota {
  const { replicas, redis, logger, clock, random } = deps;
  const { ceiling, initial, longestHoldMs } = rate;
  const isFixed = rate.mode === "fixed";
  const demand = createDemandEstimate(clock.now());
  const equalPart = (ceiling ?? initial ?? Number.POSITIVE_INFINITY) / replicas.count;
  const leasedRate = createLeasedRate({
    limit: { perSecond: equalPart, mayProbe: true },
    isFixed,
    longestHoldMs,
    now: clock.now(),
    random,
  });
  let share: QuotaShare | undefined;
  let scheduler: Pick<Scheduler, "queued"> | undefined;

  return {
    rateLimitOptions: {
      quota: leasedRate,
      share: {
        arrived() {
          demand.arrived();
          if (scheduler !== undefined && scheduler.queued > 0) share?.onBacklog();
        },
        // Zero while the rate is below the lease for another reason.
        duePerSecond: () =>
          leasedRate.rate < leasedRate.safeRate ? 0 : (share?.duePerSecond ?? 0),
        accepted: (now) => demand.accepted(now),
        throttled(now) {
          demand.throttled(now);
          share?.onThrottled();
        },
      },
    },
    join(rateLimit) {
      const member = createQuotaShare({
        redis,
        instanceKey: `{${instanceId}}`,
        memberId: randomUUID(),
        quota: {
          ceilingPerSecond: ceiling,
          initialPerSecond: initial,
          isFixed,
          longestHoldMs,
        },
        replicas: replicas.count,
        clock,
        random,
        logger,
        demand: () => demand.read(clock.now(), rateLimit.scheduler.queued),
        apply(limit) {
          leasedRate.followLease(limit, clock.now());
          rateLimit.applyRate();
        },
      });
      share = member;
      scheduler = rateLimit.scheduler;
      member.start();
      return { state: () => member.state, [Symbol.asyncDispose]: () => member.close() };
    },
  };
}
