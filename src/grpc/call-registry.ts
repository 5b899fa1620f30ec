import type { CallEnd } from "../call-ended.ts";

/** A call that is being worked on, as the registry sees it. */
export interface RegisteredCall {
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

/** An empty registry that accepts calls. */
export function createCallRegistry(): CallRegistry {
  const calls = new Set<RegisteredCall>();
  let isRefusing = false;
  let waiting: (() => void)[] = [];

  return {
    get count() {
      return calls.size;
    },
    get isRefusing() {
      return isRefusing;
    },
    add: (call) => void calls.add(call),
    remove(call) {
      if (!calls.delete(call) || calls.size > 0) return;
      const resolves = waiting;
      waiting = [];
      for (const resolve of resolves) resolve();
    },
    refuseNew: () => {
      isRefusing = true;
    },
    endAll(end = "shutdown") {
      isRefusing = true;
      // A copy: ending a call may take it out of the set.
      for (const call of Array.from(calls)) call.end(end);
    },
    idle: () =>
      calls.size === 0
        ? Promise.resolve()
        : new Promise<void>((resolve) => {
            waiting.push(resolve);
          }),
  };
}
