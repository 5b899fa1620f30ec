/**
 * The constants of the two rate laws in one table: the law of a gateway by itself (this folder) and
 * the law of a group that shares a quota (the Lua script of `quota-share`).
 * `docs/decisions/0015-rate-law.md` says why there are two.
 */

/** Values of both laws. Times are milliseconds, rates requests per second. */
export const rateConstants = {
  /**
   * Share of the quota that is used, and factor on a rate that was refused. The other 1.5 % covers
   * clocks that differ and requests that overtake each other on the network. Without it, a quota
   * that is met exactly is exceeded at random.
   */
  margin: 0.985,
  /** Refusals within this time are one event: at least two round trips. */
  decreaseGapMs: 300,
  /** A drop is severe if a second has this many refusals and more than this share of refusals. */
  severeRefusals: 3,
  severeShare: 0.05,
  /** A rate whose use is below this share says nothing about the quota. */
  leastUse: 0.8,
  /** Growth of a search, and how long each of its steps must last. */
  searchFactor: 1.25,
  searchMs: 2_000,
  /** Time to the first probe, and its growth after a refused rate and after a refused probe. */
  firstProbeIntervalMs: 20_000,
  intervalGrowth: 1.5,
  intervalGrowthAfterProbe: 2,
  /**
   * Steps of a probe, and how long each must last. If all pass (a quarter more together), the quota
   * has grown, and a search begins.
   */
  probeSteps: [0.01, 0.02, 0.04, 0.08, 0.08],
  probeMs: 15_000,
  /** Growth back to a rate that refusals lowered without proving anything, and of a fast search. */
  regainFactor: 1.7,
  /** Refusals that prove nothing lower no rate below this. */
  leastUnproven: 5,
  /**
   * Stray refusals: the part of the average below which a refusal is one, the rarest that count,
   * how many times their share is tolerated, at most, how many in a row, and for how long.
   */
  strayCertainty: 0.98,
  leastStrayShare: 0.0005,
  strayTolerance: 3,
  mostStrayShare: 0.02,
  mostStraysInRow: 3,
  forgetStraysMs: 1_800_000,
} as const;

/** Values of a gateway by itself, where they differ from those of a group. */
export const singleConstants = {
  /**
   * After the first refusal of all, no other refusal lowers the rate for this time. By then the
   * answers to everything that was sent without a limit have come.
   */
  firstDecreaseGapMs: 700,
  /** Least requests per second from which the search starts: growing from fewer takes long. */
  leastSearchStart: 10,
} as const;

/** Values of a group, where they differ from those of a gateway by itself. */
export const groupConstants = {
  /** Higher, because fewer answers than these in a second prove nothing. */
  leastUnproven: 10,
  /** After a refusal of a used rate, what is accepted for this time says nothing about the use. */
  usedMs: 3_000,
  /** How long a rate that is regained has to be used before it grows further. */
  regainMs: 1_100,
  /** Longer, because a member hears of a lower rate when it renews its lease, once a second. */
  firstDecreaseGapMs: 1_100,
  /** Lower, because the first refusal of a group may come before all members have reported. */
  leastSearchStart: 5,
} as const;

/** No rate is lower than this: some request has to find out that the upstream accepts again. */
export const leastPerSecond = 0.5;
