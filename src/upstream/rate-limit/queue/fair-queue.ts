import { LinkedList, type Linked } from "./linked-list.ts";
import type { Waiter } from "./waiter.ts";

/** The calls of one caller that wait in one class, oldest first. */
class Flow implements Linked<Flow> {
  previous: Flow | undefined;
  next: Flow | undefined;
  readonly caller: string;
  readonly waiters = new LinkedList<Waiter>();
  /** Whether it has not been served since it began to wait. */
  isNew = true;

  constructor(caller: string) {
    this.caller = caller;
  }
}

/**
 * What waits in one priority class: served round robin by caller, and in order of arrival for each caller. A caller that
 * was not served lately has its first turn before those who were: who asks seldom does not wait for a whole round of
 * those who ask all the time. It has one such turn per round, so that nobody gains by asking in small portions.
 */
export interface FairQueue {
  /** Calls that wait. */
  readonly size: number;
  /** Calls that are served before the next one that is added for a caller, or before its oldest one. */
  ahead(caller: string, place: "head" | "tail"): number;
  /** Adds a call behind those of its caller, or before them. */
  add(waiter: Waiter, place: "head" | "tail"): void;
  /** Takes out a call that waits. */
  remove(waiter: Waiter): void;
  /** Whose turn it is. */
  next(): Waiter | undefined;
  /** Takes out the call whose turn it is; its caller's next turn comes after that of all others. */
  take(): void;
  /** The newest call of the caller that has most waiting. */
  newestOfLargestFlow(): Waiter | undefined;
  /** The newest call of a caller. */
  newestOf(caller: string): Waiter | undefined;
  /** All that wait, in no particular order. A snapshot. */
  all(): Waiter[];
}

/** An empty queue. */
export function createFairQueue(): FairQueue {
  const flows = new Map<string, Flow>();
  const newFlows = new LinkedList<Flow>();
  /** Those that were served. Who has no call left keeps the place until its turn comes. */
  const oldFlows = new LinkedList<Flow>();
  let size = 0;
  /** Lines with a call. */
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
    // Nobody is left to be fair to.
    else if (size === 0) while (oldFlows.first !== undefined) drop(oldFlows.first);
  };
  const current = (): Flow | undefined => {
    if (newFlows.first !== undefined) return newFlows.first;
    for (let flow = oldFlows.first; flow !== undefined; flow = oldFlows.first) {
      if (flow.waiters.size > 0) return flow;
      // Its turn has come, and it has nothing to send.
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
      // Each other caller has a turn for each turn of this one, as long as it has calls waiting.
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
