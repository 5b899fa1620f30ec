/** The way back to the full rate after an outage: a quarter of it first, a quarter more each second. */
export interface Ramp {
  readonly isOn: boolean;
  /** What the ramp allows now, in requests per second; `Infinity` when it is off. */
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

/** Creates a ramp that is off. */
export function createRamp(): Ramp {
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
