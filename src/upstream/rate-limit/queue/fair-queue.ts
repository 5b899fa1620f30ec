import { LinkedList, type Linked } from "./linked-list.ts";
import type { Waiter } from "./waiter.ts";

/**
 * The waiting calls of one priority class. Callers are served round robin, and the calls of one
 * caller in order of arrival. A caller that was not served recently gets its first turn before the
 * others, so that it does not wait for a whole round of the busy callers. It gets one such turn per
 * round, so that sending calls in small portions gains nothing (new and old flows, RFC 8290).
 */
export interface FairQueue {
  /** The number of waiting calls. */
  readonly size: number;
  /** How many calls are served before a call of this caller that is added at that place. */
  ahead(caller: string, place: "head" | "tail"): number;
  /** Adds a call behind (`tail`) or before (`head`) the other calls of its caller. */
  add(waiter: Waiter, place: "head" | "tail"): void;
  /** Removes a waiting call. */
  remove(waiter: Waiter): void;
  /** The call that is served next. */
  next(): Waiter | undefined;
  /** Removes the call that is served next. Its caller goes to the end of the round. */
  take(): void;
  /** The newest call of the caller with the most waiting calls. */
  newestOfLargestFlow(): Waiter | undefined;
  /** The newest call of a caller. */
  newestOf(caller: string): Waiter | undefined;
  /** A snapshot of all waiting calls, in no particular order. */
  all(): Waiter[];
}

/** Creates an empty queue. */
export function createFairQueue(): FairQueue {
  const flows = new Map<string, Flow>();
  const newFlows = new LinkedList<Flow>();
  /** Flows that were served. A flow without calls keeps its place until its turn comes. */
  const oldFlows = new LinkedList<Flow>();
  let size = 0;
  /** Flows with a waiting call. */
  let callers = 0;

  const flowOf = (caller: string): Flow => {
    const known = flows.get(caller);
    if (known !== undefined) return known;
    const flow = new Flow(caller);
    flows.set(caller, flow);
    newFlows.append(flow);
    return flow;
  };
  const listOf = (flow: Flow): LinkedList<Flow> => (flow.isNew ? newFlows : oldFlows);
  const drop = (flow: Flow): void => {
    listOf(flow).remove(flow);
    flows.delete(flow.caller);
  };
  const leave = (flow: Flow, waiter: Waiter): void => {
    flow.waiters.remove(waiter);
    size -= 1;
    if (flow.waiters.size > 0) return;
    callers -= 1;
    if (flow.isNew) drop(flow);
    // Without waiting calls there is no order to keep.
    else if (size === 0) while (oldFlows.first !== undefined) drop(oldFlows.first);
  };
  const current = (): Flow | undefined => {
    if (newFlows.first !== undefined) return newFlows.first;
    for (let flow = oldFlows.first; flow !== undefined; flow = oldFlows.first) {
      if (flow.waiters.size > 0) return flow;
      // The turn of the flow has come, and it has no call.
      drop(flow);
    }
    return undefined;
  };

  return {
    get size() {
      return size;
    },
    ahead(caller, place) {
      const flow = flows.get(caller);
      if (flow === undefined) return newFlows.size;
      const own = flow.waiters.size;
      const before = place === "head" ? 0 : own;
      const others = callers - (own > 0 ? 1 : 0);
      // Each other caller with waiting calls has one turn for each turn of this caller.
      return Math.min(size, before + (before + 1) * others);
    },
    add(waiter, place) {
      const { waiters } = flowOf(waiter.call.caller);
      if (waiters.size === 0) callers += 1;
      if (place === "head") waiters.prepend(waiter);
      else waiters.append(waiter);
      size += 1;
    },
    remove(waiter) {
      const flow = flows.get(waiter.call.caller);
      if (flow !== undefined) leave(flow, waiter);
    },
    next: () => current()?.waiters.first,
    take() {
      const flow = current();
      const waiter = flow?.waiters.first;
      if (flow === undefined || waiter === undefined) return;
      listOf(flow).remove(flow);
      flow.isNew = false;
      oldFlows.append(flow);
      leave(flow, waiter);
    },
    newestOfLargestFlow() {
      let largest: Flow | undefined;
      for (const flow of flows.values()) {
        if (largest === undefined || flow.waiters.size > largest.waiters.size) largest = flow;
      }
      return largest?.waiters.last;
    },
    newestOf: (caller) => flows.get(caller)?.waiters.last,
    all() {
      const waiters: Waiter[] = [];
      for (const flow of flows.values()) {
        for (let at = flow.waiters.first; at !== undefined; at = at.next) waiters.push(at);
      }
      return waiters;
    },
  };
}

/** The waiting calls of one caller in one class, oldest first. */
class Flow implements Linked<Flow> {
  previous: Flow | undefined;
  next: Flow | undefined;
  readonly caller: string;
  readonly waiters = new LinkedList<Waiter>();
  /** Whether no call of this flow has been served yet. */
  isNew = true;

  constructor(caller: string) {
    this.caller = caller;
  }
}
