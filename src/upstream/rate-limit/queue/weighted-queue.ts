import type { PriorityClass } from "../../../rpc-table.ts";
import { createFairQueue, type FairQueue } from "./fair-queue.ts";
import type { Waiter } from "./waiter.ts";

/** How often a class is served while all have calls waiting. */
export type ClassWeights = Readonly<Record<PriorityClass, number>>;

/** Everything that waits for the permits of one instance. */
export interface WeightedQueue {
  /** Calls that wait. */
  readonly size: number;
  /** Callers with a call that waits, in any class. */
  readonly callers: number;
  /** Calls of a class that wait. */
  sizeOf(priority: PriorityClass): number;
  /** Calls of a caller that wait, in any class. */
  sizeOfCaller(caller: string): number;
  /** How many of those that wait are served before one more call of that caller and class would be, as things stand. */
  ahead(priority: PriorityClass, caller: string, place: "head" | "tail"): number;
  add(waiter: Waiter, place: "head" | "tail"): void;
  /** Takes out a call that waits. */
  remove(waiter: Waiter): void;
  /** Whose turn it is. Does not count as the turn. */
  next(): Waiter | undefined;
  /** Takes out the call whose turn it is. */
  take(): void;
  /** The newest call of the caller that has most bulk calls waiting. */
  newestBulkOfLargestFlow(): Waiter | undefined;
  /** The newest bulk call of a caller. */
  newestBulkOf(caller: string): Waiter | undefined;
  /** All that wait, in no particular order. A snapshot. */
  all(): Waiter[];
}

/** A class and its standing among the others. */
interface WeightedClass {
  readonly queue: FairQueue;
  readonly weight: number;
  /** Grows by the weight with each turn of any class while calls wait here; the turn goes to the highest. */
  credit: number;
}

const weightedClass = (weight: number): WeightedClass => ({
  queue: createFairQueue(),
  weight,
  credit: 0,
});

/**
 * An empty queue. Classes take turns by smooth weighted round robin: with weights 16, 4 and 1 each class has that many
 * of 21 turns, spread evenly; a class with nothing waiting leaves its turns to the others and saves none up.
 */
export function createWeightedQueue(weights: ClassWeights): WeightedQueue {
  const classes: Readonly<Record<PriorityClass, WeightedClass>> = {
    interactive: weightedClass(weights.interactive),
    management: weightedClass(weights.management),
    bulk: weightedClass(weights.bulk),
  };
  const turns: readonly WeightedClass[] = [classes.interactive, classes.management, classes.bulk];
  const callers = new Map<string, number>();
  let size = 0;

  const count = (waiter: Waiter, by: 1 | -1): void => {
    const { caller } = waiter.call;
    const waiting = (callers.get(caller) ?? 0) + by;
    if (waiting > 0) callers.set(caller, waiting);
    else callers.delete(caller);
    size += by;
  };
  /** The class whose turn it is: the earlier one of equals. */
  const current = (): WeightedClass | undefined => {
    let best: WeightedClass | undefined;
    for (const turn of turns) {
      if (turn.queue.size === 0) continue;
      if (best === undefined || turn.credit + turn.weight > best.credit + best.weight) best = turn;
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
    sizeOf: (priority) => classes[priority].queue.size,
    sizeOfCaller: (caller) => callers.get(caller) ?? 0,
    ahead(priority, caller, place) {
      const own = classes[priority];
      const ahead = own.queue.ahead(caller, place);
      let sum = ahead;
      for (const turn of turns) {
        if (turn === own) continue;
        sum += Math.min(turn.queue.size, Math.ceil(((ahead + 1) * turn.weight) / own.weight));
      }
      return sum;
    },
    add(waiter, place) {
      classes[waiter.call.rpc.priority].queue.add(waiter, place);
      count(waiter, 1);
    },
    remove(waiter) {
      const turn = classes[waiter.call.rpc.priority];
      turn.queue.remove(waiter);
      if (turn.queue.size === 0) turn.credit = 0;
      count(waiter, -1);
    },
    next: () => current()?.queue.next(),
    take() {
      const turn = current();
      const waiter = turn?.queue.next();
      if (turn === undefined || waiter === undefined) return;
      let spent = 0;
      for (const each of turns) {
        if (each.queue.size === 0) continue;
        each.credit += each.weight;
        spent += each.weight;
      }
      turn.credit -= spent;
      turn.queue.take();
      if (turn.queue.size === 0) turn.credit = 0;
      count(waiter, -1);
    },
    newestBulkOf: (caller) => classes.bulk.queue.newestOf(caller),
    newestBulkOfLargestFlow: () => classes.bulk.queue.newestOfLargestFlow(),
    all: () => turns.flatMap(({ queue }) => queue.all()),
  };
}
