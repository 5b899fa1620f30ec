/** How many calls may wait, and how long that takes. */
import type { Clock } from "../../../platform/clock.ts";
import type { Permits } from "../permits/permits.ts";

/** How much may wait. */
export interface QueueBounds {
  /** Calls of all callers. Default 2,048. */
  readonly calls: number;
  /** Calls of all callers, as milliseconds of work at the present rate; the lesser of the two holds. Default 2,000. */
  readonly workMs: number;
  /** The part of these that one caller may have, in percent. Default 60. */
  readonly callerPercent: number;
}

/** What is left to reckon with by whoever lets calls wait. */
export interface QueueLimits {
  /** Calls that may wait at present; 1 or more. */
  capacity(): number;
  /** Milliseconds until the last of so many calls that wait has its turn. */
  delayMs(turns: number): number;
}

/** Until what is due is there, in milliseconds. */
const dueInMs = 1_000;

/**
 * Reckons with the permits' rate, or with `duePerSecond`, which is there within about a second if calls wait, where that is more: who
 * was idle and shares a quota with others has a small part of it, and must not refuse the first calls for that.
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
