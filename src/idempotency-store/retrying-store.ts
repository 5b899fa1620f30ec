import type { Logger } from "pino";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Completion, IdempotencyStore, RequestIdentity } from "./store.ts";

/** Options of a store that repeats completions. */
export interface RetryingStoreOptions {
  readonly store: IdempotencyStore;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "info" | "warn">;
  /** How long a completion is repeated, in milliseconds: as long as its record is kept. */
  readonly keepMs: number;
  /** Most completions that wait, about 300 bytes each. Default 10,000. */
  readonly maxWaiting?: number;
}

/** A store that repeats completions. Disposing of it tries once more to make those that wait. */
export interface RetryingStore extends IdempotencyStore, AsyncDisposable {
  /** Completions that the store has not confirmed yet. */
  readonly waiting: number;
}

interface Waiting {
  readonly identity: RequestIdentity;
  readonly owner: string;
  readonly completion: Completion;
  readonly until: number;
}

/** The wait after a failed round doubles from the first to the longest, in milliseconds. */
const firstWaitMs = 100;
const longestWaitMs = 2_000;
/** Longest time that the disposal takes, in milliseconds. */
const lastRoundMs = 1_000;

/**
 * Wraps a store that may be out of reach. A completion that fails rejects, and is repeated in the
 * background until the store confirms it. Without that, one lost message would leave a request ID
 * unusable, or a key that was made without its record. Repeating is safe at any time: a completion
 * touches only the record of its own owner.
 */
export function createRetryingStore(options: RetryingStoreOptions): RetryingStore {
  const { store, clock, logger, keepMs, maxWaiting = 10_000 } = options;
  /** By owner, the least recently tried first. */
  const waiting = new Map<string, Waiting>();
  let timer: Timer | undefined;
  let waitMs = firstWaitMs;
  let isClosed = false;

  function add(one: Waiting): void {
    const [oldest] = waiting.keys();
    if (waiting.size >= maxWaiting && oldest !== undefined) giveUp(oldest);
    waiting.set(one.owner, one);
    schedule();
  }

  function giveUp(owner: string): void {
    const completion = waiting.get(owner)?.completion.kind;
    waiting.delete(owner);
    logger.warn({ settlement: completion }, "the record of a request ID stays out of date");
  }

  function schedule(): void {
    if (isClosed || timer !== undefined || waiting.size === 0) return;
    timer = clock.after(waitMs, () => void round().then(schedule));
    waitMs = Math.min(waitMs * 2, longestWaitMs);
  }

  /** Makes the waiting completions one after the other, until one fails. Never rejects. */
  async function round(until = Number.POSITIVE_INFINITY): Promise<void> {
    for (const one of waiting.values()) {
      if (clock.now() >= until) break;
      try {
        await store.complete(one.identity, one.owner, one.completion);
      } catch {
        // The store reports why. Moved to the end, so that it does not keep back the others.
        if (clock.now() >= one.until) giveUp(one.owner);
        else if (waiting.delete(one.owner)) waiting.set(one.owner, one);
        break;
      }
      waiting.delete(one.owner);
      waitMs = firstWaitMs;
      if (waiting.size === 0) logger.info("the records of request IDs are up to date again");
    }
    timer = undefined;
  }

  return {
    identify: (parts, call) => store.identify(parts, call),
    begin: (identity, owner, reserveMs) => store.begin(identity, owner, reserveMs),
    confirm: (identity, owner, leaseMs) => store.confirm(identity, owner, leaseMs),
    async complete(identity, owner, completion) {
      try {
        await store.complete(identity, owner, completion);
      } catch (error) {
        add({ identity, owner, completion, until: clock.now() + keepMs });
        throw error;
      }
    },
    get waiting() {
      return waiting.size;
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      timer?.cancel();
      await round(clock.now() + lastRoundMs);
    },
  };
}
