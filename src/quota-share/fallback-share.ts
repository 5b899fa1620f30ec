/** What a member may send: its lease, and what is left of it the longer Redis is away. Pure arithmetic over the times it is given. */
import type { QuotaLimit } from "../upstream/rate-limit/adaptive/settings.ts";
import { type Lease, leaseMargin, leaseMs } from "./lease.ts";

/**
 * Where the rate comes from.
 *
 * - `lease`: the group has granted it.
 * - `kept`: the group could not be asked again, but what it granted still holds.
 * - `slice`: the lease is over; an equal part of the quota as it was last known.
 * - `static`: nothing is known of the group: an equal part of the configured quota.
 */
export type ShareKind = "lease" | "kept" | "slice" | "static";

/** What is known without a group. */
export interface ShareBounds {
  /** The quota of all together, if the operator knows it. */
  readonly ceilingPerSecond: number | undefined;
  /** Where the search for an unknown quota starts. */
  readonly initialPerSecond: number | undefined;
  /** Members that there are meant to be. */
  readonly replicas: number;
}

/** The rate of one member. Times are milliseconds of the monotonic clock and must not go backwards. */
export interface FallbackShare {
  /** Takes a lease that was asked for at `askedAt`: its time is counted from there, so that it never outlives the group's own count. */
  grant(lease: Lease, askedAt: number, now: number): void;
  /** Takes note that the group did not answer. */
  miss(): void;
  /** Lowers the rate until the next lease. */
  decrease(): void;
  kind(now: number): ShareKind;
  limit(now: number): QuotaLimit;
  /** What the member counts as its own towards the group: the rate, or the slice while it waits for the first answer. */
  has(now: number): number;
  /** What the member can have within about a second if it needs more than its rate: an equal part, once the others have made room. */
  due(now: number): number;
  readonly lease: Lease | undefined;
  /** When the lease ends unless it is renewed; in the past without one. */
  readonly endsAt: number;
  /** Since the last lease was asked for, in milliseconds. */
  ageMs(now: number): number | undefined;
}

/** Less than the margin of a group that talks to each other: those who cannot see each other do not send in turn. */
const fallbackMargin = 0.9;
const decreaseFactor = 0.985;
const forgetMs = 60_000;
const raiseMs = 2_000;

/** Until then the group's first answer is waited for at a tenth of the slice: the others may be using all of the quota. */
export const joinMs = 300;
const joinFactor = 0.1;

/** Starts without a lease. */
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

  /** An equal part of the quota, for as long as the group is remembered that group's. */
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
      factor *= decreaseFactor;
    },
    kind,
    limit: (now) => ({ perSecond: perSecond(now), mayProbe: kind(now) !== "lease" }),
    has: (now) => (isJoining(now) ? equalPart(now) : perSecond(now)),
    due(now) {
      const present = perSecond(now);
      if (lease === undefined || kind(now) !== "lease") return present;
      return Math.max(present, (lease.quotaPerSecond * leaseMargin) / lease.members);
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
