/** The list of active calls: it lets a shutdown reject new calls, end active ones and wait. */
import type { CallEnd } from "../../platform/call-signal.ts";

/** A call in progress, as the list of active calls sees it. */
export interface ActiveCall {
  /** Position in the list; `undefined` outside it. Only `ActiveCalls` writes it. */
  index: number | undefined;
  /** Ends the call: aborts its signal and answers it. Does nothing to an answered call. */
  end(end: CallEnd): void;
}

/** The calls that have been accepted and not yet answered. */
export interface ActiveCalls {
  /** Number of active calls. */
  readonly count: number;
  /** Whether new calls have to be rejected. */
  readonly isRefusing: boolean;
  /** Adds a call; does nothing if it is in the list. */
  add(call: ActiveCall): void;
  /** Removes an answered call; does nothing if it is not in the list. */
  remove(call: ActiveCall): void;
  /** From now on new calls are rejected with `UNAVAILABLE` / `SHUTTING_DOWN`. */
  refuseNew(): void;
  /** Rejects new calls and ends all active ones. Default for `end`: `shutdown`. */
  cancelAll(end?: CallEnd): void;
  /** Resolves when no call is active. */
  idle(): Promise<void>;
}

/**
 * Creates an empty list of active calls. It is an array in which each call knows its index. A `Set`
 * with this turnover allocates a new table every few dozen calls, and the old tables keep their
 * calls, including the streams, alive until the next major garbage collection.
 */
export function createActiveCalls(): ActiveCalls {
  const calls: ActiveCall[] = [];
  let waiting: (() => void)[] = [];

  const activeCalls = {
    get count() {
      return calls.length;
    },
    isRefusing: false,
    add(call: ActiveCall) {
      if (call.index === undefined) call.index = calls.push(call) - 1;
    },
    remove(call: ActiveCall) {
      const { index } = call;
      if (index === undefined) return;
      call.index = undefined;
      const last = calls.pop();
      if (last !== undefined && last !== call) {
        last.index = index;
        calls[index] = last;
      }
      if (calls.length > 0) return;
      const resolves = waiting;
      waiting = [];
      for (const resolve of resolves) resolve();
    },
    refuseNew() {
      activeCalls.isRefusing = true;
    },
    cancelAll(end: CallEnd = "shutdown") {
      activeCalls.isRefusing = true;
      // Iterates over a copy, because ending a call may remove it from the list.
      for (const call of Array.from(calls)) call.end(end);
    },
    idle: () =>
      calls.length === 0
        ? Promise.resolve()
        : new Promise<void>((resolve) => {
            waiting.push(resolve);
          }),
  };
  return activeCalls;
}
