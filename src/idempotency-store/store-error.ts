/**
 * Why nothing can be said about a request.
 *
 * - `AWAY`: the store of the records did not answer.
 * - `FULL`: there is no room for another record.
 * - `ENDED`: the call that asked had ended before its turn came.
 */
export type RecordsErrorCode = "AWAY" | "FULL" | "ENDED";

/** Facts of a failure beyond its code. */
export interface RecordsErrorFacts {
  /** For `FULL`: when there will be room, in milliseconds from now. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** A store of records that could not be asked, or could not keep what it was to keep. Match on `code`. */
export class RecordsError extends Error {
  override readonly name = "RecordsError";
  readonly code: RecordsErrorCode;
  readonly retryAfterMs: number | undefined;

  constructor(code: RecordsErrorCode, message: string, facts: RecordsErrorFacts = {}) {
    super(message, { cause: facts.cause });
    this.code = code;
    this.retryAfterMs = facts.retryAfterMs;
  }
}
