/** The states of the rate law. Each state carries its own data; all rates are per second. */

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
  | (Active & { readonly kind: "measuring" });

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
