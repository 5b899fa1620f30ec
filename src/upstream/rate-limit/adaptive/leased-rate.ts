/** The rate of a gateway that shares its quota: the lease of the group, while there is one. */
import { createAdaptiveRate } from "./adaptive-rate.ts";
import { rateConstants } from "./constants.ts";
import { type AdaptiveRate, phaseOf } from "./rate-state.ts";
import type { QuotaLimit } from "./settings.ts";
import { continueSlowRestart, type SlowRestart, startSlowRestart } from "./slow-restart.ts";

/** A rate whose limit comes from elsewhere. */
export interface LeasedRate extends AdaptiveRate {
  followLease(limit: QuotaLimit, now: number): void;
}

/** Settings of a leased rate. */
export interface LeasedRateOptions {
  readonly limit: QuotaLimit;
  /** Whether only pauses ever lower the rate. */
  readonly isFixed: boolean;
  /** Longest time without a probe, in milliseconds. */
  readonly longestHoldMs: number;
  readonly now: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** More requests per second than any gateway sends. */
const unlimited = 1e9;
/** A rate that was divided and multiplied by the margin is a little off. */
const tolerance = 1e-9;

const isLockedOut = ({ phase }: AdaptiveRate): boolean => phase === phaseOf.lockout;

/**
 * Starts with a limit. Two adaptive rates work behind it: `pauses` follows the lease and only
 * recognises pauses and lockouts; `fallback` lowers and probes the rate while there is no lease.
 */
export function createLeasedRate(options: LeasedRateOptions): LeasedRate {
  const { isFixed, longestHoldMs, random } = options;
  const pauses = createAdaptiveRate(
    { mode: "fixed", ceilingPerSecond: unlimited },
    { now: options.now, random },
  );
  let { limit } = options;
  let restart: SlowRestart | undefined;
  let reported: Partial<Pick<AdaptiveRate, "rate" | "quotaRate">> = {};

  const createFallback = (now: number): AdaptiveRate => {
    const ceilingPerSecond = limit.perSecond / rateConstants.margin;
    const settings =
      limit.perSecond === Number.POSITIVE_INFINITY
        ? ({ mode: "adaptive", initialPerSecond: Number.POSITIVE_INFINITY } as const)
        : ({ mode: isFixed ? "fixed" : "down-only", ceilingPerSecond } as const);
    return createAdaptiveRate({ ...settings, longestHoldMs }, { now, random });
  };
  let fallback = createFallback(options.now);
  /** Whether `fallback` was created for an earlier limit. */
  let isStale = false;

  /** The rate in which a lockout began sees it through: it knows the length of the penalty. */
  const active = (): AdaptiveRate => {
    const [first, second] = limit.mayProbe ? [fallback, pauses] : [pauses, fallback];
    return isLockedOut(second) ? second : first;
  };
  const renewFallback = (now: number): void => {
    if (!isStale || isLockedOut(fallback)) return;
    fallback = createFallback(now);
    isStale = false;
  };
  // Outside a lockout the rate of `pauses` means no limit.
  const limited = (perSecond: number, most: number): number =>
    Math.min(
      perSecond < unlimited * rateConstants.margin ? perSecond : most,
      most,
      restart?.limit ?? Number.POSITIVE_INFINITY,
    );
  const rateNow = (): number => limited(active().rate, limit.perSecond);
  const quotaNow = (): number => {
    const own = active().quotaRate;
    // The window of the limit holds for its full rate, and not for one that refusals have lowered.
    const isLowered = own < limit.perSecond * (1 - tolerance);
    const window = limit.windowPerSecond ?? limit.perSecond;
    const most = limited(isLowered ? own : unlimited, window);
    // The recovery probes of a lockout are a finite rate, also of an unlimited one.
    return most < Number.POSITIVE_INFINITY ? most : rateNow();
  };

  return {
    followLease(next, now) {
      const isOther = next.perSecond !== limit.perSecond || !limit.mayProbe;
      limit = next;
      if (next.mayProbe && isOther) isStale = true;
      renewFallback(now);
    },
    get rate() {
      return rateNow();
    },
    get quotaRate() {
      return quotaNow();
    },
    get safeRate() {
      return limit.mayProbe ? fallback.safeRate : limit.perSecond;
    },
    get phase() {
      return active().phase;
    },
    get pausedUntil() {
      return Math.max(fallback.pausedUntil, pauses.pausedUntil);
    },
    onAccepted: (now) => active().onAccepted(now),
    onThrottled: (now, retryAfterMs) => active().onThrottled(now, retryAfterMs),
    onUnavailable: (now, retryAfterMs) => active().onUnavailable(now, retryAfterMs),
    refusalCause: (now) => fallback.refusalCause(now) ?? pauses.refusalCause(now),
    advance(now) {
      const isMoved = active().advance(now);
      renewFallback(now);
      restart &&= continueSlowRestart(restart, now, limit.perSecond);
      const [rate, quotaRate] = [rateNow(), quotaNow()];
      const isChanged = rate !== reported.rate || quotaRate !== reported.quotaRate;
      reported = { rate, quotaRate };
      return isMoved || isChanged;
    },
    slowRestart(now) {
      restart = startSlowRestart(now, limit.perSecond);
    },
  };
}
