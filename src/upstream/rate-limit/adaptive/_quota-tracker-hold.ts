/** How long a rate that works is kept before a little more is tried. */
export interface Hold {
  isOver(now: number): boolean;
  /** Begins one, of so many milliseconds at most. */
  start(now: number, mostMs?: number): void;
  /** Lets the next holds last as long as the first. */
  reset(): void;
  /** Lets the next holds last longer, up to the longest. */
  prolong(factor: number): void;
  /** Lets holds become as long as a penalty of that length demands. */
  allowFor(penaltyMs: number): void;
  /** Lets the next hold last at least as long as a penalty of that length demands. */
  prolongFor(penaltyMs: number): void;
}

const firstMs = 20_000;
/** A penalty costs its length each time a probe provokes it: this keeps the loss at one percent. */
const holdPerPenalty = 100;

/** Creates a hold that is over. Times are milliseconds of the monotonic clock. */
export function createHold(longest: number): Hold {
  let holdMs = firstMs;
  let longestMs = longest;
  let until = Number.NEGATIVE_INFINITY;

  return {
    isOver: (now) => now >= until,
    start(now, mostMs = Number.POSITIVE_INFINITY) {
      until = now + Math.min(holdMs, mostMs);
    },
    reset() {
      holdMs = firstMs;
    },
    prolong(factor) {
      holdMs = Math.min(holdMs * factor, longestMs);
    },
    allowFor(penaltyMs) {
      longestMs = Math.max(longestMs, penaltyMs * holdPerPenalty);
    },
    prolongFor(penaltyMs) {
      holdMs = Math.max(holdMs, penaltyMs * holdPerPenalty);
    },
  };
}
