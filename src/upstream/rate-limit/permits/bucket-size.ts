/** How permits are minted at a rate, and how many may lie ready or come at once. */

/**
 * Jobs of Bottleneck per second. Each costs about a millisecond of CPU, and two turns of the event loop before the next can
 * begin: on a busy machine, where a turn takes 20 ms, 40 jobs per second are already too many.
 */
const jobsPerSecond = 10;
/** The mint works ahead by so many milliseconds of the rate: event-loop delays up to this long leave nobody without. */
const aheadMs = 300;
/**
 * The mint works faster than the rate by this factor until it is ahead: Bottleneck never makes up for a job that was ordered
 * late. The meter keeps to the rate.
 */
const catchUpFactor = 1.02;
/** What may come at once after a delay, in seconds of the rate. */
const catchUpSeconds = 0.05;
/**
 * Where the burst is a single permit, one that was late lets the next come sooner by as much, up to so many seconds:
 * timers are always late, by a millisecond or two, and would lower the rate.
 */
const soonerSeconds = 0.025;

/** The pace of the mint, in permits unless it says otherwise. */
export interface BucketSize {
  /** Permits per second. */
  readonly rate: number;
  /** What one job grants. */
  readonly grant: number;
  /** From one job to the next, in milliseconds. */
  readonly minTimeMs: number;
  /** Jobs that may be outstanding. */
  readonly depth: number;
  /** What an idle gateway may send at once: 50 ms of the rate, between 1 and 10. */
  readonly burst: number;
  /** What may be sent at once after a delay while somebody waited: 50 ms of the rate, at least the burst; fractions count. */
  readonly catchUp: number;
  /** With so few in stock, or fewer, a job is ordered though nobody waits. */
  readonly leastStock: number;
  /** With so many in stock no job is ordered. */
  readonly mostStock: number;
}

/** The pace for a rate in permits per second. */
export function bucketSizeFor(rate: number): BucketSize {
  const grant = Math.max(1, Math.ceil(rate / jobsPerSecond));
  const minTimeMs = (grant * 1_000) / (rate * catchUpFactor);
  const burst = Math.min(10, Math.max(1, Math.round(catchUpSeconds * rate)));
  return {
    rate,
    grant,
    minTimeMs,
    depth: Math.max(2, Math.ceil(aheadMs / minTimeMs)),
    burst,
    catchUp: Math.max(burst, catchUpSeconds * rate, 1 + soonerSeconds * rate),
    leastStock: grant + burst / 2,
    mostStock: grant + burst + Math.ceil((aheadMs * rate) / 1_000),
  };
}
