/**
 * Why the store gave no answer.
 *
 * - `AWAY`: the store did not answer.
 * - `FULL`: the store has no room for another record.
 * - `ENDED`: the call ended before the store began to work for it.
 */
export type StoreErrorCode = "AWAY" | "FULL" | "ENDED";

/** Facts of a failure beyond its code. */
export interface StoreErrorFacts {
  /** For `FULL`: when there will be room, in milliseconds from now. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** The one error of an `IdempotencyStore`. Match on `code`. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;
  readonly retryAfterMs: number | undefined;

  constructor(code: StoreErrorCode, message: string, facts: StoreErrorFacts = {}) {
    super(message, { cause: facts.cause });
    this.code = code;
    this.retryAfterMs = facts.retryAfterMs;
  }
}
