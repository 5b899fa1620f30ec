/** Jobs that Bottleneck can pace without falling behind, per second: it stops keeping up at about 400. */
const jobsPerSecond = 200;
/** The depth of the mint, in milliseconds: event-loop delays up to this long cost no permit. */
const depthMs = 40;
/** The permits that may come at once after a delay of the event loop, in seconds of the rate. */
const catchUpSeconds = 0.025;

/** How permits are minted at a rate. */
export interface Pace {
  /** Permits of one job. */
  readonly grant: number;
  /** From one job to the next, in milliseconds. */
  readonly minTimeMs: number;
  /** Jobs that may be outstanding. */
  readonly depth: number;
}

/** The pace for a rate in permits per second. */
export function paceOf(rate: number): Pace {
  const grant = Math.max(1, Math.ceil(rate / jobsPerSecond));
  const minTimeMs = (grant * 1_000) / rate;
  return { grant, minTimeMs, depth: Math.min(8, Math.max(2, Math.ceil(depthMs / minTimeMs))) };
}

/**
 * Permits that an idle gateway holds ready: 50 ms of the rate, between 1 and 10. Where a job grants several, two grants at
 * least, so that one can be minted while the other is spent.
 */
export function bucketSize(rate: number): number {
  const { grant } = paceOf(rate);
  return Math.max(Math.min(10, Math.max(1, Math.round(0.05 * rate))), grant > 1 ? 2 * grant : 1);
}

/** Minted permits that nobody has spent yet. */
export interface PermitBucket {
  /** Permits in it. */
  readonly level: number;
  /** Permits that fit. */
  readonly size: number;
  /**
   * Adds freshly minted permits, less what does not fit and what exceeds the burst: grants that an event-loop delay held
   * back arrive together, and would be spent together.
   */
  add(now: number, count: number): void;
  /** Takes one. The level must not be 0. */
  take(): void;
  /** Puts one back, if it fits. */
  giveBack(): void;
  /** Discards all. */
  clear(): void;
  /** Permits per second from now on. */
  setRate(now: number, rate: number): void;
}

/** A full bucket for a rate in permits per second. */
export function createPermitBucket(now: number, startRate: number): PermitBucket {
  let rate = startRate;
  let size = bucketSize(rate);
  let level = size;
  // A leaky meter of what was added: falls at the rate, may not exceed the burst.
  let heat = 0;
  let heatAt = now;

  const cool = (at: number): void => {
    heat = Math.max(0, heat - ((at - heatAt) * rate) / 1_000);
    heatAt = at;
  };
  return {
    get level() {
      return level;
    },
    get size() {
      return size;
    },
    add(at, count) {
      cool(at);
      // Half a grant of tolerance: timers have whole milliseconds, and an early grant is not a burst.
      const burst = Math.max(size, rate * catchUpSeconds) + paceOf(rate).grant / 2;
      const added = Math.max(0, Math.min(count, size - level, Math.floor(burst - heat)));
      heat += added;
      level += added;
    },
    take() {
      level -= 1;
    },
    giveBack() {
      level = Math.min(level + 1, size);
    },
    clear() {
      level = 0;
    },
    setRate(at, next) {
      cool(at);
      rate = next;
      size = bucketSize(rate);
      level = Math.min(level, size);
    },
  };
}
