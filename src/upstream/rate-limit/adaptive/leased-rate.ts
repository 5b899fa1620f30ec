/** The rate law of a gateway that shares its quota with others: what the group says, as long as it says anything. */
import { createAdaptiveRate, type AdaptiveRate } from "./adaptive-rate.ts";
import { createSlowRestart } from "./slow-restart.ts";
import { quotaMargin } from "./settings.ts";

/** What the group, or what is left of it, allows. */
export interface QuotaLimit {
  /** Most requests per second, margin included; `Infinity` for no bound. */
  readonly perSecond: number;
  /** Whether this gateway answers 429 by a law of its own, below `perSecond`. Otherwise the group does. */
  readonly mayProbe: boolean;
}

/** A rate law that takes its limit from elsewhere. */
export interface LeasedRate extends AdaptiveRate {
  followLease(limit: QuotaLimit, now: number): void;
}

/** What a shared law is made of. */
export interface LeasedRateOptions {
  readonly limit: QuotaLimit;
  /** Whether nothing but pauses ever lowers the rate. */
  readonly isFixed: boolean;
  readonly longestHoldMs: number;
  readonly now: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** More than any gateway sends: the law of a followed gateway keeps to the pauses only. */
const unlimited = 1e9;

/** Starts with a limit. Under a group's guidance a 429 causes pauses and nothing else; without it, what a law of its own does. */
export function createLeasedRate(options: LeasedRateOptions): LeasedRate {
  const { isFixed, longestHoldMs, random } = options;
  const followed = createAdaptiveRate(
    { mode: "fixed", ceilingPerSecond: unlimited },
    { now: options.now, random },
  );
  const slowRestart = createSlowRestart();
  let { limit } = options;
  let reportedRate: number | undefined;

  const createFallback = (now: number): AdaptiveRate => {
    const ceilingPerSecond = limit.perSecond / quotaMargin;
    const settings =
      limit.perSecond === Number.POSITIVE_INFINITY
        ? ({ mode: "adaptive", initialPerSecond: Number.POSITIVE_INFINITY } as const)
        : ({ mode: isFixed ? "fixed" : "down-only", ceilingPerSecond } as const);
    return createAdaptiveRate({ ...settings, longestHoldMs }, { now, random });
  };
  let fallback = createFallback(options.now);
  /** Whether `fallback` is for a limit of the past. */
  let isStale = false;
  /** A lockout is seen through by the law that it began under: what is known of the penalty must not get lost. */
  const law = (): AdaptiveRate => {
    const [first, second] = limit.mayProbe ? [fallback, followed] : [followed, fallback];
    return second.phase === "blackout" ? second : first;
  };
  const renewFallback = (now: number): void => {
    if (!isStale || fallback.phase === "blackout") return;
    fallback = createFallback(now);
    isStale = false;
  };
  // The unlimited rate of the followed law is no rate, but what it pokes with during a lockout is.
  const limited = (ofLaw: number): number =>
    Math.min(
      ofLaw < unlimited * quotaMargin ? ofLaw : limit.perSecond,
      limit.perSecond,
      slowRestart.limit,
    );
  const rate = (): number => limited(law().rate);

  return {
    followLease(next, now) {
      const isOther = next.perSecond !== limit.perSecond || !limit.mayProbe;
      limit = next;
      if (next.mayProbe && isOther) isStale = true;
      renewFallback(now);
    },
    get rate() {
      return rate();
    },
    get quotaRate() {
      return limited(law().quotaRate);
    },
    get safeRate() {
      return limit.mayProbe ? fallback.safeRate : limit.perSecond;
    },
    get phase() {
      return law().phase;
    },
    get pausedUntil() {
      return Math.max(fallback.pausedUntil, followed.pausedUntil);
    },
    onAccepted: (now) => law().onAccepted(now),
    onThrottled: (now, retryAfterMs) => law().onThrottled(now, retryAfterMs),
    advance(now) {
      const isMoved = law().advance(now);
      renewFallback(now);
      if (slowRestart.isOn) slowRestart.advance(now, limit.perSecond);
      const present = rate();
      const isChanged = present !== reportedRate;
      reportedRate = present;
      return isMoved || isChanged;
    },
    slowRestart: (now) => slowRestart.start(now, limit.perSecond),
  };
}
