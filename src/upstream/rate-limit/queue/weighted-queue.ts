import type { PriorityClass } from "../../../rpc-table.ts";
import { createFairQueue, type FairQueue } from "./fair-queue.ts";
import type { Waiter } from "./waiter.ts";

/** The weights of the classes: turns per round while all classes have waiting calls. */
export type ClassWeights = Readonly<Record<PriorityClass, number>>;

/** All calls that wait for the permits of one instance. */
export interface WeightedQueue {
  /** The number of waiting calls. */
  readonly size: number;
  /** Callers with a waiting call, in any class. */
  readonly callers: number;
  /** Whether calls of several callers wait, or did so when one came in the last second. */
  isShared(now: number): boolean;
  /** Waiting calls of a class. */
  sizeOf(priority: PriorityClass): number;
  /** Waiting calls of a caller, in any class. */
  sizeOfCaller(caller: string): number;
  /** Waiting calls by caller, of callers that have some. */
  readonly byCaller: ReadonlyMap<string, number>;
  /** How many waiting calls are served before a call that is added now at that place. */
  ahead(priority: PriorityClass, caller: string, place: "head" | "tail"): number;
  /** Adds a call behind (`tail`) or before (`head`) the other calls of its caller and class. */
  add(waiter: Waiter, place: "head" | "tail"): void;
  /** Removes a waiting call. */
  remove(waiter: Waiter): void;
  /** The call that is served next. Changes nothing. */
  next(): Waiter | undefined;
  /** Removes the call that is served next, and counts the turn of its class. */
  take(): void;
  /** The newest bulk call of the caller with the most waiting bulk calls. */
  newestBulkOfLargestFlow(): Waiter | undefined;
  /** The newest bulk call of a caller. */
  newestBulkOf(caller: string): Waiter | undefined;
  /** A snapshot of all waiting calls, in no particular order. */
  all(): Waiter[];
}

/** A class of the smooth weighted round robin. */
interface WeightedClass {
  readonly queue: FairQueue;
  readonly weight: number;
  /**
   * Grows by the weight with each turn of any class while calls wait here. The highest is served.
   */
  currentWeight: number;
}

const sharedForMs = 1_000;

const weightedClass = (weight: number): WeightedClass => ({
  queue: createFairQueue(),
  weight,
  currentWeight: 0,
});

/**
 * Creates an empty queue. Classes are served by smooth weighted round robin: with the weights 16, 4
 * and 1 each class has that many of 21 turns, evenly spread. A class without waiting calls leaves
 * its turns to the others and saves none.
 */
export function createWeightedQueue(weights: ClassWeights): WeightedQueue {
  const classes: Readonly<Record<PriorityClass, WeightedClass>> = {
    interactive: weightedClass(weights.interactive),
    management: weightedClass(weights.management),
    bulk: weightedClass(weights.bulk),
  };
  const entries: readonly WeightedClass[] = [classes.interactive, classes.management, classes.bulk];
  const callers = new Map<string, number>();
  let size = 0;
  let sharedAt = Number.NEGATIVE_INFINITY;

  const count = (waiter: Waiter, by: 1 | -1): void => {
    const { caller } = waiter.call;
    const waiting = (callers.get(caller) ?? 0) + by;
    if (waiting > 0) callers.set(caller, waiting);
    else callers.delete(caller);
    size += by;
  };
  /** The class that is served next; of equals the earlier one. */
  const current = (): WeightedClass | undefined => {
    let best: WeightedClass | undefined;
    for (const entry of entries) {
      if (entry.queue.size === 0) continue;
      if (
        best === undefined ||
        entry.currentWeight + entry.weight > best.currentWeight + best.weight
      )
        best = entry;
    }
    return best;
  };

  return {
    get size() {
      return size;
    },
    get callers() {
      return callers.size;
    },
    isShared: (now) => callers.size > 1 || now - sharedAt < sharedForMs,
    sizeOf: (priority) => classes[priority].queue.size,
    sizeOfCaller: (caller) => callers.get(caller) ?? 0,
    byCaller: callers,
    ahead(priority, caller, place) {
      const own = classes[priority];
      const ahead = own.queue.ahead(caller, place);
      let sum = ahead;
      for (const entry of entries) {
        if (entry === own) continue;
        sum += Math.min(entry.queue.size, Math.ceil(((ahead + 1) * entry.weight) / own.weight));
      }
      return sum;
    },
    add(waiter, place) {
      classes[waiter.call.rpc.priority].queue.add(waiter, place);
      count(waiter, 1);
      if (callers.size > 1) sharedAt = waiter.since;
    },
    remove(waiter) {
      const entry = classes[waiter.call.rpc.priority];
      entry.queue.remove(waiter);
      if (entry.queue.size === 0) entry.currentWeight = 0;
      count(waiter, -1);
    },
    next: () => current()?.queue.next(),
    take() {
      const entry = current();
      const waiter = entry?.queue.next();
      if (entry === undefined || waiter === undefined) return;
      let total = 0;
      for (const each of entries) {
        if (each.queue.size === 0) continue;
        each.currentWeight += each.weight;
        total += each.weight;
      }
      entry.currentWeight -= total;
      entry.queue.take();
      if (entry.queue.size === 0) entry.currentWeight = 0;
      count(waiter, -1);
    },
    newestBulkOf: (caller) => classes.bulk.queue.newestOf(caller),
    newestBulkOfLargestFlow: () => classes.bulk.queue.newestOfLargestFlow(),
    all: () => entries.flatMap(({ queue }) => queue.all()),
  };
}
