/**
 * The rate of one member: its lease or, while Redis is away, a share that gets smaller in steps.
 * Pure arithmetic over the times that it is given.
 */
import { rateConstants } from "../upstream/rate-limit/adaptive/constants.ts";
import type { QuotaLimit } from "../upstream/rate-limit/adaptive/settings.ts";
import { type Lease, leaseMs } from "./lease.ts";

/**
 * Where the rate comes from, as logs, metrics and `/state` show it.
 *
 * - `lease`: the group granted it.
 * - `kept`: the group could not be asked again, but its lease is still valid.
 * - `slice`: the lease has ended; an equal part of the quota as it was last known.
 * - `static`: nothing is known of the group; an equal part of the configured quota.
 */
export type ShareKind = "lease" | "kept" | "slice" | "static";

/** Configuration that applies without a group. */
export interface ShareBounds {
  /** The quota of all members together in requests per second, if the operator knows it. */
  readonly ceilingPerSecond?: number | undefined;
  /** Requests per second at which the search for an unknown quota starts. */
  readonly initialPerSecond?: number | undefined;
  /** Configured number of members. */
  readonly replicas: number;
}

/** The rate of one member. Times are milliseconds of the monotonic clock and never go back. */
export interface FallbackShare {
  /**
   * Takes over a lease that was asked for at `askedAt`. Its time counts from then, so that it
   * never outlives the group's own count.
   */
  grant(lease: Lease, askedAt: number, now: number): void;
  /** Records that the group did not reply. */
  miss(): void;
  /** Lowers the rate by the margin until the next lease. */
  decrease(): void;
  kind(now: number): ShareKind;
  limit(now: number): QuotaLimit;
  /**
   * The rate that the member reports to the group: its limit, or its equal part while it waits for
   * the first reply.
   */
  has(now: number): number;
  /**
   * The rate that the member can have within about a second if it needs more: an equal part, once
   * the other members have made room.
   */
  due(now: number): number;
  readonly lease: Lease | undefined;
  /** When the lease ends unless it is renewed; in the past without one. */
  readonly endsAt: number;
  /** Milliseconds since the last lease was asked for. */
  ageMs(now: number): number | undefined;
}

/** Lower than the margin of a group: members that cannot see each other do not send in turn. */
const fallbackMargin = 0.9;
/** Time after a lease was asked for after which the group is forgotten. */
const forgetMs = 60_000;
/** Time in which the rate rises to the first lease after a fallback. */
const raiseMs = 2_000;

/**
 * A new member waits this long, in milliseconds, for the group's first reply, at a tenth of its
 * equal part: the other members may be using all of the quota.
 */
export const joinMs = 300;
const joinFactor = 0.1;

/** Creates the share of a member without a lease. */
export function createFallbackShare(bounds: ShareBounds, createdAt: number): FallbackShare {
  const { ceilingPerSecond, initialPerSecond, replicas } = bounds;
  let lease: Lease | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;
  let hasMissed = false;
  let factor = 1;
  let raiseFrom = 0;
  let raiseStart = Number.NEGATIVE_INFINITY;

  function kind(now: number): ShareKind {
    const ageMs = now - askedAt;
    if (ageMs < leaseMs) return hasMissed ? "kept" : "lease";
    return ageMs < forgetMs ? "slice" : "static";
  }

  function leased(now: number, ratePerSecond: number): number {
    const part = (now - raiseStart) / raiseMs;
    const raised =
      part < 1 && raiseFrom < ratePerSecond && ratePerSecond < Number.POSITIVE_INFINITY
        ? raiseFrom + (ratePerSecond - raiseFrom) * part
        : ratePerSecond;
    return raised * factor;
  }

  const isJoining = (now: number): boolean => lease === undefined && now - createdAt < joinMs;

  function perSecond(now: number): number {
    const present = kind(now);
    if (isJoining(now)) return equalPart(now) * joinFactor;
    if (lease === undefined || present === "static") return equalPart(now);
    if (present !== "slice") return leased(now, lease.ratePerSecond);
    return Math.min(leased(askedAt + leaseMs, lease.ratePerSecond), equalPart(now));
  }

  /** An equal part of the group's quota or, 60 s after the last lease, of the configured one. */
  function equalPart(now: number): number {
    if (lease !== undefined && kind(now) !== "static") {
      return (lease.quotaPerSecond * fallbackMargin) / Math.max(lease.members, replicas);
    }
    const quota = ceilingPerSecond ?? lease?.quotaPerSecond ?? initialPerSecond;
    return ((quota ?? Number.POSITIVE_INFINITY) * fallbackMargin) / replicas;
  }

  return {
    grant(next, at, now) {
      const present = kind(now);
      if ((present === "slice" || present === "static") && !isJoining(now)) {
        raiseFrom = perSecond(now);
        raiseStart = now;
      }
      lease = next;
      askedAt = at;
      hasMissed = false;
      factor = 1;
    },
    miss() {
      hasMissed = true;
    },
    decrease() {
      factor *= rateConstants.margin;
    },
    kind,
    limit: (now) => ({ perSecond: perSecond(now), mayProbe: kind(now) !== "lease" }),
    has: (now) => (isJoining(now) ? equalPart(now) : perSecond(now)),
    due(now) {
      const present = perSecond(now);
      if (lease === undefined || kind(now) !== "lease") return present;
      return Math.max(present, (lease.quotaPerSecond * rateConstants.margin) / lease.members);
    },
    get lease() {
      return lease;
    },
    get endsAt() {
      return askedAt + leaseMs;
    },
    ageMs: (now) => (lease === undefined ? undefined : now - askedAt),
  };
}
