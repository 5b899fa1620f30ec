/**
 * Work in pieces. A page of 1,000 keys takes some 15 ms of processor time. In one go it would hold
 * up every other call for that long, whatever their priorities. So large pages are read and written
 * in pieces of about a millisecond. One piece runs per turn of the event loop, whichever page it
 * belongs to, and between two pieces the process handles all that has arrived.
 */
import type { CallSignal } from "../call-signal.ts";

/** The call that a piece of work belongs to. */
export interface PieceOwner {
  readonly rpc: { readonly priority: string };
  readonly signal: CallSignal;
}

/** The queue of all pieces of a process. */
export interface PieceQueue {
  /**
   * Resolves when the next piece of a call may run. Pieces of calls with a higher priority are
   * first, then those of the call that had its first piece earlier: if the calls took turns, the
   * half-read pages of all would be in memory at once, and each would be ready as late as the last.
   * Rejects with the reason of the call's end if it ends before.
   */
  turn(owner: PieceOwner): Promise<void>;
}

/** Dependencies of the queue. */
export interface PieceQueueOptions {
  /** The priorities, from the first served to the last. Any other is behind them. */
  readonly priorities: readonly string[];
  /** Calls back in the next turn of the event loop. Default: `setImmediate`. */
  readonly nextTurn?: ((callback: () => void) => void) | undefined;
}

interface Waiting {
  readonly owner: PieceOwner;
  resolve(): void;
  reject(reason: unknown): void;
}

/** Creates the queue. */
export function createPieceQueue(options: PieceQueueOptions): PieceQueue {
  const { priorities, nextTurn = setImmediate } = options;
  const others: Waiting[] = [];
  const queues: readonly Waiting[][] = [...priorities.map(() => []), others];
  /** The calls in the order of their first pieces. */
  const order = new WeakMap<PieceOwner, number>();
  let calls = 0;
  let isScheduled = false;

  const placeOf = (owner: PieceOwner): number => {
    const known = order.get(owner);
    if (known !== undefined) return known;
    calls += 1;
    order.set(owner, calls);
    return calls;
  };
  const schedule = (): void => {
    if (isScheduled || queues.every((queue) => queue.length === 0)) return;
    isScheduled = true;
    nextTurn(runOne);
  };
  const runOne = (): void => {
    isScheduled = false;
    for (const queue of queues) {
      let next = queue.shift();
      // A call that has ended has nothing to do, so it takes no turn.
      while (next?.owner.signal.aborted === true) {
        next.reject(next.owner.signal.reason);
        next = queue.shift();
      }
      if (next !== undefined) {
        next.resolve();
        break;
      }
    }
    schedule();
  };
  return {
    turn(owner) {
      return new Promise((resolve, reject) => {
        const queue = queues[priorities.indexOf(owner.rpc.priority)] ?? others;
        const place = placeOf(owner);
        const later = queue.findIndex((other) => placeOf(other.owner) > place);
        queue.splice(later === -1 ? queue.length : later, 0, { owner, resolve, reject });
        schedule();
      });
    },
  };
}

/**
 * Empties lists of a page that are no longer needed. A page that has waited for its turns left
 * promises and frames in the old generation. They refer to the lists, also when all of them are
 * garbage, and until the next full collection every small one would copy the page.
 */
export function release(...lists: readonly (unknown[] | undefined)[]): void {
  for (const list of lists) if (list !== undefined) list.length = 0;
}

/**
 * Maps a list as `items.map(map)` does, with a turn before each `size` items. A list of at most
 * `size` items is mapped at once.
 */
export async function mapInPieces<T, U>(
  items: readonly T[],
  size: number,
  turn: () => Promise<void>,
  map: (item: T) => U,
): Promise<U[]> {
  if (items.length <= size) return items.map((item) => map(item));
  const mapped: U[] = [];
  for (let at = 0; at < items.length; at += size) {
    // oxlint-disable-next-line no-await-in-loop -- one piece per turn of the event loop
    await turn();
    for (const item of items.slice(at, at + size)) mapped.push(map(item));
  }
  return mapped;
}
