/**
 * The rate of one instance as other files see it, and the states of its law. Each state carries its
 * own data; all rates are per second.
 */
import type { RefusalCause } from "./lockout.ts";

/** Phase of the law as metrics and `/state` show it. */
export type RatePhase = "slow-start" | "hold" | "probe" | "blackout";

/** Fields of every state. */
interface Rates {
  /** The rate that is applied, except during a lockout. */
  readonly rate: number;
  /** The highest rate that has passed a test. */
  readonly safe: number;
  /** Milliseconds after which the use of the rate is judged; `Infinity` for never. */
  readonly periodMs: number;
}

/** Findings of earlier states about the quota. */
export interface Knowledge {
  /** How often smaller steps may follow soon after a wide probe was refused. */
  readonly retries: 0 | 1;
  /** Set while the newest decrease is the end of a search: the last rate that passed in it. */
  readonly passed: number | undefined;
  /** Until then a refusal shows that the measurement found too much. */
  readonly doubtedUntil: number;
  /** Whether the newest measurement found a few refusals only, and is to be repeated. */
  readonly isUnclear: boolean;
}

/** How fast a search grows, and how long each step must last, in milliseconds. */
export interface Growth {
  readonly factor: number;
  readonly periodMs: number;
}

/** Fields of the states in which requests are sent at `rate`. */
interface Active extends Rates {
  readonly known: Knowledge;
}

/** A rate that works is kept until the next probe. `rate` and `safe` are equal. */
export interface Holding extends Active {
  readonly kind: "holding";
  /** The rate before refusals lowered it; else equal to `rate`. */
  readonly top: number;
  /** Whether those refusals proved nothing: the rate goes back to `top` as soon as it is used. */
  readonly regains: boolean;
  /** Whether so few answers showed it that a fast search, not a probe, finds a higher one. */
  readonly isWeak: boolean;
  /** When the next probe may begin; `Infinity` at the ceiling. */
  readonly probeAt: number;
  /** Length of a probe's steps in milliseconds. */
  readonly probeMs: number;
}

/** The states in which requests are sent at `rate`. */
export type ActiveState =
  /** The quota is unknown and nothing was refused yet. */
  | (Active & { readonly kind: "unlimited" })
  /** The rate grows quickly until something is refused. */
  | (Active & { readonly kind: "searching"; readonly growth: Growth })
  | Holding
  /** A little more than `safe` is tried. If the step is not used, the state is `held` again. */
  | (Active & { readonly kind: "probing"; readonly step: number; readonly held: Holding })
  /** The quota has dropped. The rate is kept until a second of responses shows the new quota. */
  | (Active & { readonly kind: "measuring"; readonly before: ActiveState });

/** The state of the rate of one instance. Each state carries its own data only. */
export type RateState =
  | ActiveState
  /** The upstream refuses everything. A recovery probe is sent now and then. */
  | (Rates & { readonly kind: "lockout"; readonly interrupted: ActiveState });

/** The only place that maps states to the phases that users see. */
export const phaseOf = {
  unlimited: "hold",
  searching: "slow-start",
  holding: "hold",
  probing: "probe",
  measuring: "hold",
  lockout: "blackout",
} as const satisfies Record<RateState["kind"], RatePhase>;

/** The rate of one instance. Times are milliseconds of the monotonic clock and never go back. */
export interface AdaptiveRate {
  /** Requests per second to apply now, at least 0.5; `Infinity` while the quota is unknown. */
  readonly rate: number;
  /** The rate whose second must not be exceeded: above `rate` during a lockout. */
  readonly quotaRate: number;
  /** The highest rate that has passed a test, in requests per second; below `rate` in a probe. */
  readonly safeRate: number;
  readonly phase: RatePhase;
  /** Nothing is to be sent before this time; in the past, or `-Infinity`, if there is no pause. */
  readonly pausedUntil: number;
  /** Records a response that is not 429. */
  onAccepted(now: number): void;
  /**
   * Records a 429, with its `Retry-After` in milliseconds if it had a usable one. Returns whether
   * it says something about the rate: a refused recovery probe does not, unless the lockout may be
   * no more than the rest of a used-up second.
   */
  onThrottled(now: number, retryAfterMs: number | undefined): boolean;
  /**
   * Records a 503 with a `Retry-After` of more than 0, in milliseconds. It pauses as that of a 429
   * does, and does not lower the rate.
   */
  onUnavailable(now: number, retryAfterMs: number): void;
  /** Why little or nothing is sent: the refusal behind a pause or a lockout, if there is one. */
  refusalCause(now: number): RefusalCause | undefined;
  /**
   * Moves on to `now`; to be called at every event and at most 100 ms apart. Returns whether the
   * rate or the pause has changed since the last call.
   */
  advance(now: number): boolean;
  /** After an outage: starts at a quarter of the rate and grows by a quarter each second. */
  slowRestart(now: number): void;
}

/** Dependencies of an adaptive rate. */
export interface AdaptiveRateDeps {
  /** The present time. */
  readonly now: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}
