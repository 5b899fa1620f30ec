import type { Clock, Timer } from "../../src/platform/clock.ts";
import { nextTurn } from "./next-turn.ts";

/** A clock that moves only when a test advances it. */
export interface DrivenClock extends Clock {
  /**
   * Advances the time by `ms` and fires timers in the order of their times. Pending microtasks and
   * one event-loop round run after each timer, so a callback can set further timers.
   */
  advance(ms: number): Promise<void>;
  /** Number of timers that are set and have not fired. */
  readonly pending: number;
  /** Moves only the wall clock, like a clock correction. */
  shiftWall(ms: number): void;
}

/** Creates a clock at monotonic time 0 and the given wall time. */
export function createDrivenClock(wallStart: number = Date.UTC(2026, 0, 2, 3, 4, 5)): DrivenClock {
  let now = 0;
  let wallOffset = wallStart;
  let sequence = 0;
  const timers = new Map<number, { readonly at: number; readonly callback: () => void }>();

  return {
    now: () => now,
    wallNow: () => wallOffset + now,
    after: (ms: number, callback: () => void): Timer => {
      const id = sequence++;
      timers.set(id, { at: now + Math.max(0, ms), callback });
      return { cancel: () => timers.delete(id) };
    },
    async advance(ms) {
      const end = now + ms;
      await nextTurn();
      for (;;) {
        const next = [...timers]
          .filter(([, timer]) => timer.at <= end)
          .toSorted(([a, x], [b, y]) => x.at - y.at || a - b)[0];
        if (next === undefined) break;
        timers.delete(next[0]);
        now = Math.max(now, next[1].at);
        next[1].callback();
        await nextTurn();
      }
      now = end;
      await nextTurn();
    },
    get pending() {
      return timers.size;
    },
    shiftWall: (ms) => {
      wallOffset += ms;
    },
  };
}
