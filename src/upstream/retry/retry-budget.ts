import type { Clock } from "../../platform/clock.ts";

/** Bounds what repeats add to the load of an origin that is failing. */
export interface RetryBudget {
  /** To be told of every exchange that went well. */
  deposit(): void;
  /** Takes what one repeat costs; `false` if there is not enough. */
  withdraw(): boolean;
  /** Repeats that could be made now. */
  readonly balance: number;
}

/** What a budget is made of. */
export interface RetryBudgetOptions {
  readonly clock: Clock;
  /** Repeats that can be saved up. Default 50. */
  readonly capacity?: number | undefined;
  /** Repeats earned by one exchange that went well. Default 0.1, so that repeats add a tenth to the load. */
  readonly perSuccess?: number | undefined;
  /** Repeats earned by one second, so that an origin with little traffic has repeats too. Default 1. */
  readonly perSecond?: number | undefined;
}

/** Creates a full budget. It has no timer. */
export function createRetryBudget(options: RetryBudgetOptions): RetryBudget {
  const { clock, capacity = 50, perSuccess = 0.1, perSecond = 1 } = options;
  let balance = capacity;
  let countedAt = clock.now();

  const count = (): number => {
    const now = clock.now();
    balance = Math.min(capacity, balance + ((now - countedAt) / 1_000) * perSecond);
    countedAt = now;
    return balance;
  };

  return {
    deposit() {
      balance = Math.min(capacity, balance + perSuccess);
    },
    withdraw() {
      if (count() < 1) return false;
      balance -= 1;
      return true;
    },
    get balance() {
      return count();
    },
  };
}
