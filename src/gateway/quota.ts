/** How the quota of one instance is kept: alone, in equal parts, or as the replicas agree through Redis. */
import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { Clock } from "../platform/clock.ts";
import type { Config, InstanceConfig } from "../config/config.ts";
import { createDemandEstimate } from "../quota-share/demand-estimate.ts";
import {
  createQuotaShare,
  type QuotaShare,
  type QuotaShareState,
} from "../quota-share/quota-share.ts";
import type { RedisCommands } from "../redis/redis-commands.ts";
import type { RateLimit, RateLimitOptions } from "../upstream/rate-limit/rate-limit.ts";
import { toQuotaSettings } from "./options.ts";
import type { Scheduler } from "../upstream/rate-limit/queue/scheduler.ts";
import { createLeasedRate } from "../upstream/rate-limit/adaptive/leased-rate.ts";

/** The quota of an instance, before and after the way to it is built. */
export interface InstanceQuota {
  /** What the pacing is to be made with. */
  readonly pacing: Pick<RateLimitOptions, "quota" | "share">;
  /** Begins to share, through the pacing that was made. */
  join(rateLimit: Pick<RateLimit, "applyRate" | "scheduler">): QuotaMembership;
}

/** A part in a quota. Disposing of it gives it back. */
export interface QuotaMembership extends AsyncDisposable {
  /** `undefined` where nothing is shared through Redis. */
  readonly state: () => QuotaShareState | undefined;
}

/** What a quota is kept with. */
export interface InstanceQuotaDeps {
  readonly replicas: Config["replicas"];
  /** The connection that sharing through Redis needs. */
  readonly redis: RedisCommands | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

const alone: QuotaMembership = {
  state: () => undefined,
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

/** Prepares the keeping of an instance's quota. Nothing is asked of Redis yet. */
export function openQuota(config: InstanceConfig, deps: InstanceQuotaDeps): InstanceQuota {
  const { rate, instanceId } = config;
  const { replicas, redis } = deps;
  const isShared = replicas.quotaShare === "redis" && redis !== undefined && rate.mode !== "off";
  if (!isShared) {
    return { pacing: { quota: toQuotaSettings(rate, replicas.count) }, join: () => alone };
  }
  return shareQuota(rate, instanceId, { ...deps, redis });
}

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
    pacing: {
      quota: leasedRate,
      share: {
        arrived() {
          demand.arrived();
          if (scheduler !== undefined && scheduler.queued > 0) share?.onBacklog();
        },
        // Nothing more is due while the rate is low for another reason than the lease.
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
