/** The rate of the only member of a group: the law of the lease script by itself. */
import { createDemandEstimate } from "../../src/quota-share/demand-estimate.ts";
import { createFallbackShare } from "../../src/quota-share/fallback-share.ts";
import { leaseMs } from "../../src/quota-share/lease.ts";
import type { createAdaptiveRate } from "../../src/upstream/rate-limit/adaptive/adaptive-rate.ts";
import { createLeasedRate } from "../../src/upstream/rate-limit/adaptive/leased-rate.ts";
import { createModelGroup, lend, toLease } from "../support/lease-model.ts";

const refusalGapMs = 300;
const unlimited = Number.POSITIVE_INFINITY;

/**
 * Does the same as `quota-share.ts` and `gateway/outbound/quota.ts`, without the time that Redis
 * takes. The model stands for the script; `test/redis/lease-script.test.ts` shows that they agree.
 */
export const createGroupRate: typeof createAdaptiveRate = (
  settings,
  { now: createdAt, random },
) => {
  const { ceilingPerSecond, longestHoldMs = 300_000 } = settings;
  const initial = settings.mode === "adaptive" ? (settings.initialPerSecond ?? 20) : unlimited;
  const initialPerSecond = initial === unlimited ? undefined : initial;
  const share = createFallbackShare({ ceilingPerSecond, initialPerSecond, replicas: 1 }, createdAt);
  const leased = createLeasedRate({
    limit: { perSecond: ceilingPerSecond ?? initial, mayProbe: true },
    isFixed: settings.mode === "fixed",
    longestHoldMs,
    now: createdAt,
    random,
  });
  const demand = createDemandEstimate(createdAt);
  const group = createModelGroup();
  let renewAt = createdAt;
  let refusedAt = Number.NEGATIVE_INFINITY;
  let refusedEpoch: number | undefined;
  let sequence = 0;

  function renew(now: number): void {
    const known = share.lease?.quotaPerSecond ?? unlimited;
    const isFound = known < (ceilingPerSecond ?? unlimited);
    const request = {
      memberId: "only",
      ...demand.read(now, 0),
      needsPerSecond: 1e6,
      wantsPerSecond: 1e6,
      hasPerSecond: share.limit(now).perSecond,
      ceilingPerSecond,
      seedPerSecond: isFound ? known : initialPerSecond,
      isSearching: !isFound,
      refusedEpoch,
      longestHoldMs,
      replicas: 1,
      heardAt: share.lease?.timeMs,
      ageMs: now - createdAt,
      sequence: (sequence += 1),
    };
    const timeMs = 1_000_000 + Math.floor(now);
    const lease = lend(group, request, timeMs, leaseMs);
    refusedEpoch = undefined;
    renewAt = now + (lease.rate < 0.9 * lease.share ? 250 : 1_000 * (0.9 + 0.2 * random()));
    share.grant(toLease(lease, timeMs), now, now);
  }
  function follow(now: number): void {
    if (now >= renewAt) renew(now);
    leased.followLease(share.limit(now), now);
  }
  follow(createdAt);

  return {
    get rate() {
      return leased.rate;
    },
    get quotaRate() {
      return leased.quotaRate;
    },
    get safeRate() {
      return leased.safeRate;
    },
    get phase() {
      return leased.phase;
    },
    get pausedUntil() {
      return leased.pausedUntil;
    },
    onAccepted(now) {
      leased.onAccepted(now);
      demand.accepted(now);
    },
    onThrottled(now, retryAfterMs) {
      if (!leased.onThrottled(now, retryAfterMs)) return false;
      demand.throttled(now);
      const isOver = now - refusedAt >= refusalGapMs && share.kind(now) === "lease";
      if (settings.mode === "fixed" || !isOver) return true;
      refusedAt = now;
      refusedEpoch = share.lease?.epoch;
      share.decrease();
      renewAt = now;
      follow(now);
      return true;
    },
    onUnavailable: (now, retryAfterMs) => leased.onUnavailable(now, retryAfterMs),
    refusalCause: (now) => leased.refusalCause(now),
    advance(now) {
      follow(now);
      return leased.advance(now);
    },
    slowRestart: (now) => leased.slowRestart(now),
  };
};
