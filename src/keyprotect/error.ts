/** One entry of `reasons[]` in an error body, without its texts: those are the upstream's and go no further. */
export interface UpstreamReason {
  /** Such as `KEY_NOT_FOUND_ERR`; trimmed. May be a code that nobody has documented. */
  readonly code: string;
  /** `target.name`: the field or query parameter the upstream objects to. */
  readonly target: string | undefined;
}

/**
 * Why Key Protect did not do as asked.
 *
 * - `REJECTED`: it answered with a status other than the expected ones.
 * - `BAD_RESPONSE`: it answered 2xx (or an unexpected 3xx), but not with what the operation returns.
 * - `UNSUPPORTED`: the instance's API dialect has no such operation; nothing was sent.
 */
export type KeyProtectErrorCode = "REJECTED" | "BAD_RESPONSE" | "UNSUPPORTED";

/** Facts of a failed operation. */
export interface KeyProtectErrorFacts {
  readonly httpStatus?: number | undefined;
  readonly reasons?: readonly UpstreamReason[] | undefined;
  /** From `Retry-After`, capped at 60,000 ms; absent if the header was absent or made no sense. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** An operation of Key Protect that failed. The message holds nothing that the upstream wrote. Match on `code`. */
export class KeyProtectError extends Error {
  override readonly name = "KeyProtectError";
  readonly code: KeyProtectErrorCode;
  readonly httpStatus: number | undefined;
  readonly reasons: readonly UpstreamReason[];
  readonly retryAfterMs: number | undefined;

  constructor(code: KeyProtectErrorCode, message: string, facts: KeyProtectErrorFacts = {}) {
    super(message, { cause: facts.cause });
    this.code = code;
    this.httpStatus = facts.httpStatus;
    this.reasons = facts.reasons ?? [];
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** The error for an answer that is not what the operation returns. `problem` names fields, never values. */
export function badResponseError(problem: string, httpStatus?: number): KeyProtectError {
  return new KeyProtectError("BAD_RESPONSE", `Key Protect's answer makes no sense: ${problem}`, {
    httpStatus,
  });
}
