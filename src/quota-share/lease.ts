/** A member's request to its group and the reply: arguments and result of the lease script. */

/** How long a lease lasts unless it is renewed, in milliseconds. */
export const leaseMs = 3_000;

/** No quota is taken to be higher than this, in requests per second. */
export const highestPerSecond = 1_000_000;

/**
 * A member that has heard nothing from its group for this time sends an equal part of the quota, in
 * milliseconds. Until then it sends no more than it had; a new member sends a twentieth.
 */
export const quietMs = 10_000;

/** Constants of the lease script beside those of the rate law. */
export const leaseConstants = {
  quietMs,
  /**
   * The group counts an equal part for a quiet member this much earlier than one lease before the
   * member sends it. Covers the time of a request to Redis (400 ms at most) and clocks that differ.
   */
  guardMs: 1_000,
  /** Part of the quota that members without calls hold together. */
  leastShare: 0.01,
  /** How long a member keeps its place among those that round their windows up. */
  turnMs: 2_000,
  /** Requests that the windows of all members hold beyond the quota, as a part of it. */
  spareInWindows: 0.03,
  /**
   * Small quotas have less room: a second holds at most this part more than the quota, and so many
   * requests of it are left for members whose part changes in that second.
   */
  mostAbove: 0.05,
  changesInSecond: 2,
  /** A window that is this much too small does not bind: its guard time and the margin differ. */
  windowSlack: 0.003,
  /**
   * How far beside the middle of two whole requests a need has to be for the part to change, and
   * how far the thresholds of the members differ.
   */
  stickiness: 0.3,
  spread: 0.4,
  /** Sums of fractions are a little off. */
  nearly: 1e-6,
} as const;

/** The report of a member that asks for a lease. Rates are requests per second. */
export interface LeaseRequest {
  readonly memberId: string;
  /** Requests that it has to send. */
  readonly needsPerSecond: number;
  /** Requests that it could use, with head room. */
  readonly wantsPerSecond: number;
  /** Its present rate; `Infinity` if nothing limits it. */
  readonly hasPerSecond: number;
  /** Requests that Key Protect accepted from it in the last second. */
  readonly acceptedPerSecond: number;
  /** The quota, if the operator knows it. */
  readonly ceilingPerSecond: number | undefined;
  /** The quota from which a group that does not know its own starts. */
  readonly seedPerSecond: number | undefined;
  /** Whether the seed is only the start of a search. */
  readonly isSearching: boolean;
  /** Responses 429 of the last second. */
  readonly throttledPerSecond: number;
  /** The epoch in which it got a 429, if it did since it last asked. */
  readonly refusedEpoch: number | undefined;
  /** Longest time without a probe, in milliseconds. */
  readonly longestHoldMs: number;
  /** Configured number of members. */
  readonly replicas: number;
  /** `timeMs` of the last reply that it heard. */
  readonly heardAt: number | undefined;
  /** Milliseconds since the member started. */
  readonly ageMs: number;
  /** Grows with each request of the member. */
  readonly sequence: number;
}

/** A member's part of the quota. Rates are requests per second. */
export interface Lease {
  /** The granted rate, margin included; `Infinity` while the quota is unknown. */
  readonly ratePerSecond: number;
  /** The rate that will be granted once all other members have renewed. */
  readonly sharePerSecond: number;
  readonly members: number;
  /** The quota as the group knows it; `Infinity` while it is unknown. */
  readonly quotaPerSecond: number;
  /** Changes with every decrease of the quota. */
  readonly epoch: number;
  /** Time of the reply on the clock of Redis, in milliseconds. */
  readonly timeMs: number;
  /** The lowest ceiling of a member; `undefined` if none has one. */
  readonly ceilingPerSecond: number | undefined;
  /** Members that the group reckons with: the configured number, or those that it hears if more. */
  readonly size: number;
  /** Rate that is lent to all members together; `Infinity` while the quota is unknown. */
  readonly lentPerSecond: number;
  /** Whole requests that a second may hold; `Infinity` while the quota is unknown. */
  readonly window: number;
  /** The same while the member has an equal part of the quota without a lease. */
  readonly sliceWindow: number;
}

const mostPerSecond = 1e12;
const rate = (perSecond: number): number => Math.min(Math.max(perSecond, 0), mostPerSecond);
const text = (value: number | undefined): number | "" => value ?? "";

/** The arguments of `leaseScript`. */
export function toLeaseArgs(request: LeaseRequest): (string | number)[] {
  return [
    request.memberId,
    rate(request.wantsPerSecond),
    rate(request.hasPerSecond),
    rate(request.acceptedPerSecond),
    text(request.ceilingPerSecond),
    text(request.seedPerSecond),
    request.isSearching ? 1 : 0,
    leaseMs,
    text(request.refusedEpoch),
    rate(request.throttledPerSecond),
    request.longestHoldMs,
    rate(request.needsPerSecond),
    request.replicas,
    text(request.heardAt),
    request.ageMs,
    request.sequence,
  ];
}

const toNumber = (value: unknown): number => {
  if (value === "") return Number.POSITIVE_INFINITY;
  return typeof value === "string" || typeof value === "number" ? Number(value) : Number.NaN;
};

/**
 * Whether a reply can be a rate. Redis may be shared with clients that write anything, and the
 * permits of a rate take memory in proportion to it.
 */
const isRate = (perSecond: number): boolean =>
  perSecond === Number.POSITIVE_INFINITY || (perSecond >= 1e-6 && perSecond <= highestPerSecond);

const isWhole = (requests: number): boolean =>
  requests === Number.POSITIVE_INFINITY || Number.isInteger(requests);

/** Reads the reply of `leaseScript`. Returns `undefined` for a reply that makes no sense. */
export function parseLease(reply: unknown): Lease | undefined {
  if (!Array.isArray(reply)) return undefined;
  const [
    granted = 0,
    members = 0,
    quota = 0,
    epoch = 0,
    share = 0,
    timeMs = 0,
    ceiling = 0,
    ...more
  ] = reply.map(toNumber);
  const [size = 0, lent = 0, window = 0, sliceWindow = 0] = more;
  const isSound =
    [granted, share, quota, ceiling, lent, window, sliceWindow].every(isRate) &&
    [members, size, epoch, timeMs].every(Number.isInteger) &&
    [window, sliceWindow].every(isWhole) &&
    members > 0 &&
    size > 0;
  if (!isSound) return undefined;
  return {
    ratePerSecond: granted,
    sharePerSecond: share,
    members,
    quotaPerSecond: quota,
    epoch,
    timeMs,
    ceilingPerSecond: ceiling === Number.POSITIVE_INFINITY ? undefined : ceiling,
    size,
    lentPerSecond: lent,
    window,
    sliceWindow,
  };
}
