/** The rate law of a gateway that shares its quota with others: what the group says, as long as it says anything. */
import { createQuotaTracker, type QuotaTracker } from "./adaptive-rate.ts";
import { createRamp } from "./slow-restart.ts";
import { quotaMargin } from "./settings.ts";

/** What the group, or what is left of it, allows. */
export interface SharedLimit {
  /** Most requests per second, margin included; `Infinity` for no bound. */
  readonly perSecond: number;
  /** Whether this gateway answers 429 by a law of its own, below `perSecond`. Otherwise the group does. */
  readonly mayProbe: boolean;
}

/** A rate law that takes its limit from elsewhere. */
export interface SharedLaw extends QuotaTracker {
  limitTo(limit: SharedLimit, now: number): void;
}

/** What a shared law is made of. */
export interface SharedLawOptions {
  readonly limit: SharedLimit;
  /** Whether nothing but pauses ever lowers the rate. */
  readonly isFixed: boolean;
  readonly longestHoldMs: number;
  readonly now: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** More than any gateway sends: the law of a guided gateway keeps to the pauses only. */
const boundless = 1e9;

/** Starts with a limit. Under a group's guidance a 429 causes pauses and nothing else; without it, what a law of its own does. */
export function createSharedLaw(options: SharedLawOptions): SharedLaw {
  const { isFixed, longestHoldMs, random } = options;
  const guided = createQuotaTracker(
    { mode: "fixed", ceilingPerSecond: boundless },
    { now: options.now, random },
  );
  const ramp = createRamp();
  let { limit } = options;
  let reportedRate: number | undefined;

  const createOwn = (now: number): QuotaTracker => {
    const ceilingPerSecond = limit.perSecond / quotaMargin;
    const settings =
      limit.perSecond === Number.POSITIVE_INFINITY
        ? ({ mode: "adaptive", initialPerSecond: Number.POSITIVE_INFINITY } as const)
        : ({ mode: isFixed ? "fixed" : "down-only", ceilingPerSecond } as const);
    return createQuotaTracker({ ...settings, longestHoldMs }, { now, random });
  };
  let own = createOwn(options.now);
  /** Whether `own` is for a limit of the past. */
  let isStale = false;
  /** A blackout is seen through by the law that it began under: what is known of the penalty must not get lost. */
  const law = (): QuotaTracker => {
    const [first, second] = limit.mayProbe ? [own, guided] : [guided, own];
    return second.phase === "blackout" ? second : first;
  };
  const renewOwn = (now: number): void => {
    if (!isStale || own.phase === "blackout") return;
    own = createOwn(now);
    isStale = false;
  };
  // The boundless rate of the guided law is no rate, but what it pokes with during a blackout is.
  const limited = (ofLaw: number): number =>
    Math.min(
      ofLaw < boundless * quotaMargin ? ofLaw : limit.perSecond,
      limit.perSecond,
      ramp.limit,
    );
  const rate = (): number => limited(law().rate);

  return {
    limitTo(next, now) {
      const isOther = next.perSecond !== limit.perSecond || !limit.mayProbe;
      limit = next;
      if (next.mayProbe && isOther) isStale = true;
      renewOwn(now);
    },
    get rate() {
      return rate();
    },
    get quotaRate() {
      return limited(law().quotaRate);
    },
    get safeRate() {
      return limit.mayProbe ? own.safeRate : limit.perSecond;
    },
    get phase() {
      return law().phase;
    },
    get pausedUntil() {
      return Math.max(own.pausedUntil, guided.pausedUntil);
    },
    onAccepted: (now) => law().onAccepted(now),
    onThrottled: (now, retryAfterMs) => law().onThrottled(now, retryAfterMs),
    advance(now) {
      const isMoved = law().advance(now);
      renewOwn(now);
      if (ramp.isOn) ramp.advance(now, limit.perSecond);
      const present = rate();
      const isChanged = present !== reportedRate;
      reportedRate = present;
      return isMoved || isChanged;
    },
    ramp: (now) => ramp.start(now, limit.perSecond),
  };
}
