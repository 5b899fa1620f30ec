import type { CallEnd } from "../../platform/call-signal.ts";

/** A call that is being worked on, as the registry sees it. */
export interface RegisteredCall {
  /** Where the registry keeps it; `undefined` while it is not in one. For the registry alone. */
  place: number | undefined;
  /** Ends the call now: its signal is aborted and it is answered at once. Does nothing to an answered call. */
  end(end: CallEnd): void;
}

/** The calls that have been accepted and not yet answered. */
export interface CallRegistry {
  /** How many calls are in flight. */
  readonly count: number;
  /** Whether new calls are to be refused. */
  readonly isRefusing: boolean;
  add(call: RegisteredCall): void;
  /** Takes an answered call out. Does nothing to one that is not in. */
  remove(call: RegisteredCall): void;
  /** From now on calls that arrive are refused with `UNAVAILABLE` / `SHUTTING_DOWN`. */
  refuseNew(): void;
  /** Refuses new calls and ends those in flight; `end` is `shutdown` unless told otherwise. */
  endAll(end?: CallEnd): void;
  /** Resolves when no call is in flight: at once, or when the last one has been answered. */
  idle(): Promise<void>;
}

/**
 * An empty registry that accepts calls. A list in which each call knows its place, and no `Set`: one that many come to and
 * leave makes itself a new table every few dozen calls, and the tables before keep all that was in them alive until the next
 * large collection of garbage, the calls' streams included.
 */
export function createCallRegistry(): CallRegistry {
  const calls: RegisteredCall[] = [];
  let isRefusing = false;
  let waiting: (() => void)[] = [];

  return {
    get count() {
      return calls.length;
    },
    get isRefusing() {
      return isRefusing;
    },
    add(call) {
      if (call.place === undefined) call.place = calls.push(call) - 1;
    },
    remove(call) {
      const { place } = call;
      if (place === undefined) return;
      call.place = undefined;
      const last = calls.pop();
      if (last !== undefined && last !== call) {
        last.place = place;
        calls[place] = last;
      }
      if (calls.length > 0) return;
      const resolves = waiting;
      waiting = [];
      for (const resolve of resolves) resolve();
    },
    refuseNew: () => {
      isRefusing = true;
    },
    endAll(end = "shutdown") {
      isRefusing = true;
      // A copy: ending a call may take it out of the list.
      for (const call of Array.from(calls)) call.end(end);
    },
    idle: () =>
      calls.length === 0
        ? Promise.resolve()
        : new Promise<void>((resolve) => {
            waiting.push(resolve);
          }),
  };
}
