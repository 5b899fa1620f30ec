/** Settings of an instance's rate, with defaults and bounds. */
import { leastPerSecond, rateConstants } from "./constants.ts";

/** How the rate of one instance is found. */
export type QuotaSettings = KnownQuota | UnknownQuota;

/** The operator knows the quota. */
export interface KnownQuota {
  /**
   * `fixed` sends at 98.5 % of the ceiling whatever the responses are; only pauses interrupt it.
   * `down-only` starts there, goes down when the upstream refuses, and comes back by probing.
   */
  readonly mode: "fixed" | "down-only";
  /** The quota in requests per second. The rate never exceeds 98.5 % of it. */
  readonly ceilingPerSecond: number;
  /**
   * Longest time without a probe, in milliseconds. Default 300,000. A shorter time finds a grown
   * quota sooner and causes more 429s.
   */
  readonly longestHoldMs?: number;
}

/** The quota has to be found. */
export interface UnknownQuota {
  readonly mode: "adaptive";
  /** As with a known quota. Default: no bound. */
  readonly ceilingPerSecond?: number;
  /**
   * Requests per second at which the search starts. Default 20. `Infinity`: at the ceiling or,
   * without one, without a limit until the first 429.
   */
  readonly initialPerSecond?: number;
  /** As with a known quota. */
  readonly longestHoldMs?: number;
}

/** The limit of one member of a group. */
export interface QuotaLimit {
  /** Most requests per second, margin included; `Infinity` for no bound. */
  readonly perSecond: number;
  /**
   * Whether this gateway itself responds to a 429, by an adaptive rate below `perSecond`. Otherwise
   * the group lowers the quota, and the gateway only keeps the pauses that Key Protect asks for.
   */
  readonly mayProbe: boolean;
  /**
   * Most requests in any second, margin included. Default: `perSecond`. A second holds whole
   * requests, so it may be more or less than the rate.
   */
  readonly windowPerSecond?: number;
}

/** Settings with every default applied. */
export interface QuotaBounds {
  readonly isFixed: boolean;
  readonly startPerSecond: number;
  /** The highest rate ever applied; `Infinity` for none. */
  readonly mostPerSecond: number;
  readonly longestHoldMs: number;
}

/** Applies the defaults. Throws a RangeError for a rate or a time that is not a positive number. */
export function toQuotaBounds(settings: QuotaSettings): QuotaBounds {
  const { mode, ceilingPerSecond, longestHoldMs = 300_000 } = settings;
  const { initialPerSecond = 20 } =
    mode === "adaptive" ? settings : { initialPerSecond: Number.POSITIVE_INFINITY };
  if (ceilingPerSecond !== undefined) requirePositive("ceilingPerSecond", ceilingPerSecond);
  requirePositive("longestHoldMs", longestHoldMs);
  if (initialPerSecond !== Number.POSITIVE_INFINITY)
    requirePositive("initialPerSecond", initialPerSecond);
  const mostPerSecond = Math.max(
    (ceilingPerSecond ?? Number.POSITIVE_INFINITY) * rateConstants.margin,
    leastPerSecond,
  );
  const startPerSecond = Math.min(Math.max(initialPerSecond, leastPerSecond), mostPerSecond);
  return { isFixed: mode === "fixed", startPerSecond, mostPerSecond, longestHoldMs };
}

function requirePositive(name: string, value: number): void {
  if (!(value > 0 && Number.isFinite(value))) {
    throw new RangeError(`${name} must be a positive number, not ${value}`);
  }
}
