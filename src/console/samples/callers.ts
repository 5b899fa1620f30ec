/** How callers share an instance: what each of them did in the last minute. */
import { status } from "@grpc/grpc-js";
import type { CallOutcome } from "../../grpc/call/call-observer.ts";
import type { CallerShare } from "../messages.ts";

/** The callers of all instances. */
export interface Callers {
  /** Counts a call that has ended. */
  ended(outcome: CallOutcome): void;
  /** Moves the window on by a second. */
  tick(): void;
  /**
   * The callers of an instance that made the most requests. `waiting`: calls that wait now, by
   * caller.
   */
  sharesOf(instance: string, waiting: ReadonlyMap<string, number>): readonly CallerShare[];
}

interface Counts {
  calls: number;
  requests: number;
  refused: number;
  failed: number;
}

type Slot = Map<string, Counts>;

/** The window has six slots of ten seconds, and the one that fills. */
const slotSeconds = 10;
const slotsKept = 7;
/** Callers that are told apart in a slot. The calls of others are counted together. */
const mostCallers = 200;
const mostShown = 20;
const others = "other callers";

const noCounts = (): Counts => ({ calls: 0, requests: 0, refused: 0, failed: 0 });

/** The counts of a caller in a slot. They are new if it is not known and there is room for it. */
function countsOf(slot: Slot, caller: string): Counts {
  const known = slot.get(caller);
  if (known !== undefined) return known;
  const name = slot.size < mostCallers ? caller : others;
  const counts = slot.get(name) ?? noCounts();
  slot.set(name, counts);
  return counts;
}

function add(slot: Slot, caller: string, counts: Counts): void {
  const sum = countsOf(slot, caller);
  sum.calls += counts.calls;
  sum.requests += counts.requests;
  sum.refused += counts.refused;
  sum.failed += counts.failed;
}

/** Gives each caller a number while it is in the window, so that it can be followed unnamed. */
function createNumbers(): { of(caller: string): string; keep(callers: ReadonlySet<string>): void } {
  const numbers = new Map<string, number>();
  let newest = 0;
  return {
    of(caller) {
      if (caller === others) return others;
      const number = numbers.get(caller) ?? (newest += 1);
      numbers.set(caller, number);
      return `caller ${number}`;
    },
    keep(callers) {
      for (const caller of numbers.keys()) if (!callers.has(caller)) numbers.delete(caller);
    },
  };
}

/** Creates an empty window. Callers have numbers instead of names unless `namesCallers`. */
export function createCallers(namesCallers: boolean): Callers {
  /** By instance; the first slot is the one that fills. */
  const windows = new Map<string, Slot[]>();
  const numbers = createNumbers();
  let second = 0;

  const windowOf = (instance: string): Slot[] => {
    const known = windows.get(instance) ?? [new Map()];
    windows.set(instance, known);
    return known;
  };
  return {
    ended({ context, code }) {
      const [slot] = windowOf(context.instance);
      if (slot === undefined) return;
      const { attempts } = context.attemptLog;
      const counts = countsOf(slot, context.caller);
      counts.calls += 1;
      counts.requests += attempts;
      if (code === status.OK) return;
      if (attempts === 0) counts.refused += 1;
      else counts.failed += 1;
    },
    tick() {
      second += 1;
      if (second % slotSeconds !== 0) return;
      const seen = new Set<string>();
      for (const window of windows.values()) {
        window.unshift(new Map());
        window.length = Math.min(window.length, slotsKept);
        for (const slot of window) for (const caller of slot.keys()) seen.add(caller);
      }
      numbers.keep(seen);
    },
    sharesOf(instance, waiting) {
      const sums: Slot = new Map();
      for (const slot of windowOf(instance)) {
        for (const [caller, counts] of slot) add(sums, caller, counts);
      }
      for (const caller of waiting.keys()) add(sums, caller, noCounts());
      const total = [...sums.values()].reduce((sum, { requests }) => sum + requests, 0);
      return [...sums]
        .toSorted(([, a], [, b]) => b.requests - a.requests || b.calls - a.calls)
        .slice(0, mostShown)
        .map(([caller, counts]) => ({
          name: namesCallers ? caller : numbers.of(caller),
          ...counts,
          percent: total === 0 ? 0 : Math.round((1_000 * counts.requests) / total) / 10,
          waiting: waiting.get(caller) ?? 0,
        }));
    },
  };
}
