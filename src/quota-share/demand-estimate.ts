/** Estimates how much of the quota one member could use. */
import { createResponseCounter } from "../upstream/rate-limit/adaptive/response-counter.ts";

/** The demand of one member and the responses to it. Rates are requests per second. */
export interface Demand {
  /** Requests that it has to send: what arrives, and the queue. */
  readonly needsPerSecond: number;
  /** Requests that it could use, with head room for more. */
  readonly wantsPerSecond: number;
  /** Responses of the last second that were not 429. */
  readonly acceptedPerSecond: number;
  /** Responses 429 of the last second. */
  readonly throttledPerSecond: number;
}

/** Counts requests and responses. Times are milliseconds of the monotonic clock; never go back. */
export interface DemandEstimate {
  /** Records a request that is to be sent, retries included. */
  arrived(): void;
  accepted(now: number): void;
  throttled(now: number): void;
  /** To be read about once a second. `backlog` is the number of queued requests. */
  read(now: number, backlog: number): Demand;
}

/** Time constant of the moving average of arrivals. */
const memoryMs = 2_000;
/** The same for the need. A short average of few calls says more about chance. */
const needMemoryMs = 5_000;
/** Factor on the arrivals: a member that asks only for what it uses could never use more. */
const headroom = 1.2;
/** Time in which the queue is to be emptied. */
const drainMs = 2_000;
/** The same where others queue: what a queue does not use is lost to them. */
const patientDrainMs = 3_000;
/**
 * Calls that are to wait where others queue, in standard deviations of the calls that come within
 * `patientDrainMs / 2`. A member that comes to an empty queue leaves its part unused, and random
 * calls do so the more often the shorter the queue is.
 */
const queueDeviations = 1.5;
/**
 * They are no more than so many deviations of the queue that was seen. Callers that each wait for
 * an answer before they call again keep it constant, and so it never runs empty.
 */
const seenDeviations = 1.8;
/** Time constant of the moving average of the queue. */
const queueMemoryMs = 10_000;
/** They are no more than come in this time, so that few calls do not wait long. */
const longestWaitMs = 1_000;
/** A queue that is longer than a second of the arrivals, and this, is to be emptied in a second. */
const shortQueue = 5;
/** A shorter time says nothing about a rate. */
const leastGapMs = 100;

/** Creates an estimate without arrivals. */
export function createDemandEstimate(createdAt: number): DemandEstimate {
  const responses = createResponseCounter();
  let arrivals = 0;
  let measuredAt = createdAt;
  let latest = 0;
  let average = 0;
  let steady = 0;
  const queue = { mean: 0, variance: 0 };

  function measure(now: number, backlog: number): void {
    const gapMs = now - measuredAt;
    if (gapMs < leastGapMs) return;
    latest = (arrivals * 1_000) / gapMs;
    average += (latest - average) * (1 - Math.exp(-gapMs / memoryMs));
    steady += (latest - steady) * (1 - Math.exp(-gapMs / needMemoryMs));
    const weight = 1 - Math.exp(-gapMs / queueMemoryMs);
    queue.mean += (backlog - queue.mean) * weight;
    queue.variance += ((backlog - queue.mean) ** 2 - queue.variance) * weight;
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
      measure(now, backlog);
      const { accepted, throttled } = responses.lastSecond(now);
      // Without a queue, calls that were rejected before are no need any more.
      const arriving = backlog > 0 ? steady : Math.min(steady, 1.25 * (accepted + throttled) + 1);
      const deviation = Math.sqrt((arriving * patientDrainMs) / 2_000);
      const waiting = Math.min(
        queueDeviations * deviation,
        seenDeviations * Math.sqrt(queue.variance),
        (arriving * longestWaitMs) / 1_000,
      );
      const excess = Math.max(0, backlog - average - shortQueue);
      const drained = ((backlog - waiting) * 1_000) / patientDrainMs;
      return {
        // The latest rate says more about chance than about a need. A real rise shows in the queue.
        needsPerSecond: Math.max(0, arriving + drained + excess),
        wantsPerSecond: Math.max(latest, average) * headroom + (backlog * 1_000) / drainMs,
        acceptedPerSecond: accepted,
        throttledPerSecond: throttled,
      };
    },
  };
}
