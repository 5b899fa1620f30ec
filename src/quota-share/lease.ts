/** What a member tells its group, and what it gets. */

/** How long a lease lasts unless it is renewed, in milliseconds. */
export const leaseMs = 3_000;

/** The part of the quota that is lent. */
export const leaseMargin = 0.985;

/** No quota is taken to be higher than this, in calls per second. */
export const highestPerSecond = 1_000_000;

/** A member's view when it asks. Rates in calls per second. */
export interface LeaseRequest {
  readonly memberId: string;
  /** What it could use. */
  readonly wantsPerSecond: number;
  /** What it uses at most at present; `Infinity` if nothing bounds it. */
  readonly hasPerSecond: number;
  /** What Key Protect took from it in the last second. */
  readonly acceptedPerSecond: number;
  /** The quota, if the operator knows it. */
  readonly ceilingPerSecond: number | undefined;
  /** What a group that does not know its quota yet is to start from. */
  readonly seedPerSecond: number | undefined;
  /** Whether the seed is but a place to begin the search at. */
  readonly isSearching: boolean;
  /** What Key Protect answered 429 to in the last second. */
  readonly throttledPerSecond: number;
  /** The epoch in which it was answered 429, if it was since it last asked. */
  readonly refusedEpoch: number | undefined;
  /** Longest time without a probe, in milliseconds. */
  readonly longestHoldMs: number;
}

/** A member's part of the quota. */
export interface Lease {
  /** What it may send, margin included; `Infinity` as long as nobody knows the quota. */
  readonly ratePerSecond: number;
  /** What it will be able to send once all others have renewed. */
  readonly sharePerSecond: number;
  readonly members: number;
  /** What the quota is taken to be; `Infinity` as long as nobody knows. */
  readonly quotaPerSecond: number;
  /** Changes with every cut of the quota. */
  readonly epoch: number;
}

const most = 1e12;
const rate = (perSecond: number): number => Math.min(Math.max(perSecond, 0), most);
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
  ];
}

const figure = (value: unknown): number => {
  if (value === "") return Number.POSITIVE_INFINITY;
  return typeof value === "string" || typeof value === "number" ? Number(value) : Number.NaN;
};

/**
 * What a rate can be, in calls per second. Redis may be shared with others who write what they like, and the permits of a rate take memory
 * by the number of them.
 */
const isRate = (perSecond: number): boolean =>
  perSecond === Number.POSITIVE_INFINITY || (perSecond >= 1e-6 && perSecond <= highestPerSecond);

/** Reads the reply of `leaseScript`. Gives `undefined` for one that makes no sense. */
export function parseLease(reply: unknown): Lease | undefined {
  if (!Array.isArray(reply)) return undefined;
  const [ratePerSecond = 0, members = 0, quotaPerSecond = 0, epoch = 0, sharePerSecond = 0] =
    reply.map(figure);
  const isSound =
    isRate(ratePerSecond) &&
    isRate(sharePerSecond) &&
    isRate(quotaPerSecond) &&
    Number.isInteger(members) &&
    members > 0 &&
    Number.isInteger(epoch);
  return isSound ? { ratePerSecond, sharePerSecond, members, quotaPerSecond, epoch } : undefined;
}
