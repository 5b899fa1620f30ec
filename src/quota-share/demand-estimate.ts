import { createResponseCounter } from "../upstream/rate-limit/adaptive/response-counter.ts";

/** What one member would like to send and what it gets through. */
export interface Demand {
  /** Calls per second that it could use. */
  readonly wantsPerSecond: number;
  /** Answers of the last second that were not 429, per second. */
  readonly acceptedPerSecond: number;
  /** Answers 429 of the last second, per second. */
  readonly throttledPerSecond: number;
}

/** Counts calls and their answers. Times are milliseconds of the monotonic clock and must not go backwards. */
export interface DemandEstimate {
  /** Takes note of a request that is to be sent, the repeated ones included. */
  arrived(): void;
  accepted(now: number): void;
  throttled(now: number): void;
  /** To be asked about once a second. `backlog` is how many requests wait. */
  read(now: number, backlog: number): Demand;
}

/** Arrivals of the last seconds count the more the newer they are. */
const memoryMs = 2_000;
/** Room to grow: who asks for just what it uses can never use more. */
const headroom = 1.2;
/** What waits is to be gone after so long. */
const drainMs = 2_000;
const leastGapMs = 100;

/** Starts without arrivals. */
export function createDemandEstimate(createdAt: number): DemandEstimate {
  const responses = createResponseCounter();
  let arrivals = 0;
  let measuredAt = createdAt;
  let latest = 0;
  let average = 0;

  function measure(now: number): void {
    const gapMs = now - measuredAt;
    if (gapMs < leastGapMs) return;
    latest = (arrivals * 1_000) / gapMs;
    average += (latest - average) * (1 - Math.exp(-gapMs / memoryMs));
    arrivals = 0;
    measuredAt = now;
  }

  return {
    arrived() {
      arrivals += 1;
    },
    accepted: (now) => responses.accept(now),
    throttled: (now) => responses.throttle(now),
    read(now, backlog) {
      measure(now);
      const { accepted, throttled } = responses.lastSecond(now);
      return {
        wantsPerSecond: Math.max(latest, average) * headroom + (backlog * 1_000) / drainMs,
        acceptedPerSecond: accepted,
        throttledPerSecond: throttled,
      };
    },
  };
}
