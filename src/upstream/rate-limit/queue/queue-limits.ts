/** How many calls may wait, and how long they wait. */
import type { Clock } from "../../../platform/clock.ts";
import type { Permits } from "../permits/permits.ts";

/** The configured bounds of a queue. */
export interface QueueBounds {
  /** Most waiting calls. Default 2,048. */
  readonly calls: number;
  /**
   * Most waiting calls as milliseconds of the present rate; the lower of both holds. Default 2,000.
   */
  readonly workMs: number;
  /** The part of these that one caller may use, in percent. Default 60. */
  readonly callerPercent: number;
}

/** The bounds of a queue at its present rate. */
export interface QueueLimits {
  /** Most calls that may wait at present; 1 or more. */
  capacity(): number;
  /** Milliseconds until this many waiting calls have their permits. */
  delayMs(turns: number): number;
}

/** The time until the group grants the rate that is due, in milliseconds. */
const dueInMs = 1_000;

/**
 * Sizes the queue by the larger of the current rate and `duePerSecond`, the rate that this replica
 * will be granted within about a second while calls wait. An idle replica holds a small lease and
 * must not reject its first burst because of it.
 */
export function createQueueLimits(
  permits: Pick<Permits, "rate" | "delayMs" | "pausedUntil">,
  bounds: QueueBounds,
  clock: Clock,
  duePerSecond: () => number = () => 0,
): QueueLimits {
  return {
    capacity() {
      const rate = Math.max(permits.rate, duePerSecond());
      return Math.max(1, Math.min(bounds.calls, Math.floor((rate * bounds.workMs) / 1_000)));
    },
    delayMs(turns) {
      const ms = permits.delayMs(turns);
      const due = duePerSecond();
      if (due <= permits.rate) return ms;
      const pauseMs = Math.max(0, permits.pausedUntil - clock.now());
      return Math.min(ms, pauseMs + dueInMs + (turns * 1_000) / due);
    },
  };
}
