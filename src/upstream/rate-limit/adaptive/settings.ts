import { leastPerSecond, rateConstants } from "./rate-constants.ts";

/** How the rate of one instance is found; what is not given falls to the constants of the law. */
export type QuotaSettings = KnownQuota | UnknownQuota;

/** The operator knows the quota. */
export interface KnownQuota {
  /**
   * `fixed` sends at 98.5 % of the ceiling whatever is answered; only pauses interrupt it. `down-only` starts there, goes
   * down when the upstream refuses, and comes back, up to the ceiling, by probing.
   */
  readonly mode: "fixed" | "down-only";
  /** The quota, in requests per second. The rate never exceeds 98.5 % of it. */
  readonly ceilingPerSecond: number;
  /** Longest time without a probe, in milliseconds. Default 300,000; shorter finds a grown quota sooner, at the price of more 429s. */
  readonly longestHoldMs?: number;
}

/** The quota has to be found. */
export interface UnknownQuota {
  readonly mode: "adaptive";
  /** What the search must not exceed, in requests per second (the rate stays at 98.5 % of it). Default: no bound. */
  readonly ceilingPerSecond?: number;
  /**
   * Where the search starts, in requests per second. Default 20. `Infinity`: at no bound but the ceiling's; without a
   * ceiling nothing is paced until the upstream refuses for the first time, which says where the search starts.
   */
  readonly initialPerSecond?: number;
  /** As with a known quota. */
  readonly longestHoldMs?: number;
}

/** What one member may send. */
export interface QuotaLimit {
  /** Most requests per second, margin included; `Infinity` for no bound. */
  readonly perSecond: number;
  /**
   * Whether this gateway itself answers a 429, by an adaptive rate below `perSecond`. Otherwise the
   * group lowers the quota, and only the pauses that Key Protect asks for are left to the gateway.
   */
  readonly mayProbe: boolean;
}

/** Settings with every default applied. */
export interface QuotaBounds {
  readonly isFixed: boolean;
  readonly isSearching: boolean;
  readonly startPerSecond: number;
  /** The highest rate ever applied; `Infinity` for none. */
  readonly mostPerSecond: number;
  readonly longestHoldMs: number;
}

/** Applies the defaults. Throws a RangeError for a rate or a time that is not a positive number. */
export function toQuotaBounds(settings: QuotaSettings): QuotaBounds {
  const { mode, ceilingPerSecond, longestHoldMs = 300_000 } = settings;
  if (ceilingPerSecond !== undefined) requirePositive("ceilingPerSecond", ceilingPerSecond);
  requirePositive("longestHoldMs", longestHoldMs);
  const mostPerSecond =
    ceilingPerSecond === undefined
      ? Number.POSITIVE_INFINITY
      : Math.max(ceilingPerSecond * rateConstants.margin, leastPerSecond);
  if (mode !== "adaptive") {
    const isFixed = mode === "fixed";
    return {
      isFixed,
      isSearching: false,
      startPerSecond: mostPerSecond,
      mostPerSecond,
      longestHoldMs,
    };
  }
  const { initialPerSecond = 20 } = settings;
  if (initialPerSecond !== Number.POSITIVE_INFINITY) {
    requirePositive("initialPerSecond", initialPerSecond);
  }
  const startPerSecond = Math.min(Math.max(initialPerSecond, leastPerSecond), mostPerSecond);
  const isSearching = startPerSecond < mostPerSecond;
  return { isFixed: false, isSearching, startPerSecond, mostPerSecond, longestHoldMs };
}

function requirePositive(name: string, value: number): void {
  if (!(value > 0 && Number.isFinite(value))) {
    throw new RangeError(`${name} must be a positive number, not ${value}`);
  }
}
