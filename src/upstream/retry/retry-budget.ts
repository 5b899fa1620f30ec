/**
 * The retry budget. When a host fails, every call wants its retries, and three attempts per call
 * would triple the load of a host that is already overloaded. With a budget, successes deposit a
 * fraction of a retry and each retry withdraws a whole one, so that retries add at most that
 * fraction to the load in the long run.
 */
import type { Clock } from "../../platform/clock.ts";

/** Limits the load that retries add to one host. */
export interface RetryBudget {
  /** To be called after each request that succeeded. */
  deposit(): void;
  /** Takes one retry from the budget; `false` if there is less than one. */
  withdraw(): boolean;
  /** Retries that could be made now. */
  readonly balance: number;
}

/** Settings of a budget. */
export interface RetryBudgetOptions {
  readonly clock: Clock;
  /** The most retries that the budget holds. Default 50. */
  readonly capacity?: number | undefined;
  /** Retries that one success deposits. Default 0.1, so that retries add a tenth to the load. */
  readonly perSuccess?: number | undefined;
  /** Retries added per second, for hosts with little traffic. Default 1. */
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
