/**
 * The rate of one member: its lease or, while it does not hear from its group, a part that the
 * group keeps for it (`docs/decisions/0024-room-for-the-unheard.md`). Pure arithmetic over the
 * times that it is given.
 */
import { rateConstants } from "../upstream/rate-limit/adaptive/constants.ts";
import type { QuotaLimit } from "../upstream/rate-limit/adaptive/settings.ts";
import { type Lease, leaseMs, quietMs } from "./lease.ts";

/**
 * Where the rate comes from, as logs, metrics and `/state` show it.
 *
 * - `lease`: the group granted it.
 * - `kept`: the group could not be asked again, but its lease is still valid.
 * - `slice`: the lease has ended; an equal part of the quota as it was last known, and for the
 *   first seconds no more than the lease.
 * - `static`: nothing is known of the group; an equal part of the configured quota, and for the
 *   first seconds of the process a twentieth of it.
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
   * never outlives the group's own count. `heardAt` is when its rate begins.
   */
  grant(lease: Lease, askedAt: number, heardAt: number): void;
  /** Records that the group did not reply. */
  miss(): void;
  /** Lowers the rate by the margin until the next lease. */
  decrease(): void;
  kind(now: number): ShareKind;
  limit(now: number): QuotaLimit;
  /**
   * The rate that the member can have within about a second if it needs more: an equal part, once
   * the other members have made room.
   */
  due(now: number): number;
  readonly lease: Lease | undefined;
  /** When the rate changes next unless a lease comes; `undefined` if it does not. */
  nextChangeAfter(now: number): number | undefined;
  /** Milliseconds since the last lease was asked for. */
  ageMs(now: number): number | undefined;
}

/** Time after a lease was asked for after which the quota that the group had found is forgotten. */
const forgetMs = 60_000;
/**
 * For this time after a lower lease a second may still hold what the former one allowed: the second
 * of the sliding window and its guard time. Only the pace is lower at once. Otherwise the member
 * would send nothing until the requests of the last second fit into the lower part, and that time
 * would be lost to the group.
 */
const windowMs = 1_012;
/** Rate of a new member until it hears from the group, as a part of its equal part. */
const joinFactor = 0.05;

/** Creates the share of a member without a lease. */
export function createFallbackShare(bounds: ShareBounds, createdAt: number): FallbackShare {
  const { ceilingPerSecond, initialPerSecond, replicas } = bounds;
  let lease: Lease | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;
  let hasMissed = false;
  let factor = 1;
  /** The windows of former leases of this epoch, and when they ended. */
  let former: readonly { readonly windowPerSecond: number; readonly endedAt: number }[] = [];

  const isHeld = (now: number): boolean => now - askedAt < leaseMs;
  function kind(now: number): ShareKind {
    if (isHeld(now)) return hasMissed ? "kept" : "lease";
    return now - askedAt < forgetMs ? "slice" : "static";
  }

  function perSecond(now: number): number {
    if (lease === undefined) return equalPart(now) * (now - createdAt < quietMs ? joinFactor : 1);
    const leased = lease.ratePerSecond * factor;
    if (isHeld(now)) return leased;
    return now - askedAt < quietMs ? Math.min(leased, equalPart(now)) : equalPart(now);
  }

  /** An equal part of the group's quota or, 60 s after the last lease, of the configured one. */
  function equalPart(now: number): number {
    const part = rateConstants.margin / Math.max(lease?.size ?? 1, replicas);
    if (lease !== undefined && kind(now) !== "static") return lease.quotaPerSecond * part;
    const ceiling = lowest(ceilingPerSecond, lease?.ceilingPerSecond);
    return (
      (ceiling ?? lease?.quotaPerSecond ?? initialPerSecond ?? Number.POSITIVE_INFINITY) * part
    );
  }

  /** Most requests in a second, margin included; `undefined` for those of the rate. */
  function windowPerSecond(now: number): number | undefined {
    if (lease === undefined || kind(now) === "static") return undefined;
    if (!isHeld(now)) {
      const whole = rateConstants.margin * lease.sliceWindow;
      return perSecond(now) === equalPart(now) ? whole : undefined;
    }
    const recent = former.filter(({ endedAt }) => now - endedAt < windowMs);
    return Math.max(leasedWindow(lease), ...recent.map((each) => each.windowPerSecond));
  }

  const leasedWindow = ({ window }: Lease): number => rateConstants.margin * window * factor;

  function limit(now: number): QuotaLimit {
    const present = { perSecond: perSecond(now), mayProbe: kind(now) !== "lease" };
    const window = windowPerSecond(now);
    return window === undefined ? present : { ...present, windowPerSecond: window };
  }

  return {
    grant(next, at, heardAt) {
      // A new epoch is a lower quota: what the former one allowed was too much. A window without a
      // bound would be none for the new rate either.
      const isOver = lease === undefined || lease.epoch !== next.epoch || !isHeld(heardAt);
      if (isOver || lease?.window === Number.POSITIVE_INFINITY) former = [];
      else if (lease !== undefined) {
        former = [
          ...former.filter(({ endedAt }) => heardAt - endedAt < windowMs),
          { windowPerSecond: leasedWindow(lease), endedAt: heardAt },
        ];
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
      former = [];
    },
    kind,
    limit,
    due(now) {
      const present = perSecond(now);
      if (lease === undefined || kind(now) !== "lease") return present;
      return Math.max(present, lease.lentPerSecond / lease.members);
    },
    get lease() {
      return lease;
    },
    nextChangeAfter(now) {
      const known = lease === undefined ? [createdAt + quietMs] : quietTimes(askedAt);
      return known.find((at) => at > now);
    },
    ageMs: (now) => (lease === undefined ? undefined : now - askedAt),
  };
}

/** When the rate of a member changes that hears nothing any more. */
const quietTimes = (askedAt: number): number[] =>
  [leaseMs, quietMs, forgetMs].map((ms) => askedAt + ms);

/** The lower one of the numbers that are known. */
const lowest = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
