/** A store behind a network that loses, delays and answers too late, and processes that die. */
import type { IdempotencyStore } from "../../../../src/idempotency-store/store.ts";
import { StoreError } from "../../../../src/idempotency-store/store-error.ts";
import type { Clock } from "../../../../src/platform/clock.ts";

export const operations = ["begin", "confirm", "complete"] as const;
export type Operation = (typeof operations)[number];

/**
 * How the network treats an operation.
 *
 * - `works`: it is executed and answered at once.
 * - `lost`: it never arrives.
 * - `unanswered`: it is executed, and the answer is lost.
 * - `late`: it is given up now, and executed after a while all the same.
 * - `slow`: it is executed and answered after a while.
 */
export const fates = ["works", "lost", "unanswered", "late", "slow"] as const;
export type Fate = (typeof fates)[number];

/** The way of one process to the store that it shares with others. */
export interface FaultyStore {
  readonly store: IdempotencyStore;
  /** Decides about operations from now on. */
  set(operation: Operation, fate: Fate, ms: number): void;
  /** The process is gone: it sends and receives nothing any more. */
  kill(): void;
  readonly isDead: boolean;
  /**
   * Names of the records that this process may execute, and for which no completion has arrived.
   */
  readonly confirmed: ReadonlySet<string>;
}

const silence = (): Promise<never> => new Promise(() => {});
const away = (): StoreError => new StoreError("AWAY", "away");

/** Puts a network that works between a process and its store. */
export function createFaultyStore(kept: IdempotencyStore, clock: Clock): FaultyStore {
  const fate = new Map<Operation, { readonly fate: Fate; readonly ms: number }>();
  /** Names of the records by owner. */
  const confirmed = new Map<string, string>();
  let isDead = false;

  async function send<T>(operation: Operation, work: () => Promise<T>): Promise<T> {
    if (isDead) return silence();
    const { fate: how, ms } = fate.get(operation) ?? { fate: "works", ms: 0 };
    if (how === "lost") throw away();
    if (how === "late") {
      clock.after(ms, () => void work());
      throw away();
    }
    if (how === "slow") {
      await new Promise<void>((resolve) => {
        clock.after(ms, resolve);
      });
    }
    const answer = await work();
    if (isDead) return silence();
    if (how === "unanswered") throw away();
    return answer;
  }

  return {
    store: {
      identify: (parts) => kept.identify(parts),
      begin: (...args) => send("begin", () => kept.begin(...args)),
      confirm: (identity, owner, leaseMs) =>
        send("confirm", async () => {
          const isConfirmed = await kept.confirm(identity, owner, leaseMs);
          if (isConfirmed) confirmed.set(owner, identity.name);
          return isConfirmed;
        }),
      complete: (identity, owner, completion) =>
        send("complete", async () => {
          await kept.complete(identity, owner, completion);
          confirmed.delete(owner);
        }),
    },
    set: (operation, how, ms) => void fate.set(operation, { fate: how, ms }),
    kill() {
      isDead = true;
    },
    get isDead() {
      return isDead;
    },
    get confirmed() {
      return new Set(confirmed.values());
    },
  };
}
