/** The way back to the full rate after an outage: a quarter of it first, a quarter more each second. */
export interface SlowRestart {
  readonly isOn: boolean;
  /** What the slowRestart allows now, in requests per second; `Infinity` when it is off. */
  readonly limit: number;
  start(now: number, fullRate: number): void;
  /** Moves on by as many seconds as have passed; ends when `fullRate` is reached. */
  advance(now: number, fullRate: number): void;
  stop(): void;
}

const firstPart = 0.25;
const leastPerSecond = 5;
const factor = 1.25;
const stepMs = 1_000;

/** Creates a slowRestart that is off. */
export function createSlowRestart(): SlowRestart {
  let limit = Number.POSITIVE_INFINITY;
  let raisedAt = 0;

  const stop = (): void => {
    limit = Number.POSITIVE_INFINITY;
  };

  return {
    get isOn() {
      return limit !== Number.POSITIVE_INFINITY;
    },
    get limit() {
      return limit;
    },
    start(now, fullRate) {
      limit = Math.max(firstPart * fullRate, leastPerSecond);
      raisedAt = now;
      if (limit >= fullRate) stop();
    },
    advance(now, fullRate) {
      while (now - raisedAt >= stepMs && limit < fullRate) {
        limit *= factor;
        raisedAt += stepMs;
      }
      if (limit >= fullRate) stop();
    },
    stop,
  };
}

/**
 * After a severe drop a little less than the quota is sent for a second: whatever the upstream had in store is used up, and
 * with nothing in store two requests that come close together are one too many.
 */
export interface Ease {
  readonly isOn: boolean;
  /** Begins at that time, which may be in the future. */
  start(at: number): void;
  stop(): void;
  /** Ends it when its time is over. */
  advance(now: number): void;
  /** What is left of a rate. */
  of(perSecond: number): number;
}

const easePart = 0.8;
const easeMs = 1_000;

/** Creates an ease that is off. Times are milliseconds of the monotonic clock. */
export function createEase(): Ease {
  let isOn = false;
  let until = 0;

  return {
    get isOn() {
      return isOn;
    },
    start(at) {
      isOn = true;
      until = at + easeMs;
    },
    stop() {
      isOn = false;
    },
    advance(now) {
      if (now >= until) isOn = false;
    },
    of: (perSecond) => (isOn ? perSecond * easePart : perSecond),
  };
}
