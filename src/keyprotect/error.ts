/** The error of an operation, and what is known about it. */

/** One entry of `reasons[]` in an error body. Its texts are dropped. */
export interface UpstreamReason {
  /** For example `KEY_NOT_FOUND_ERR`; trimmed. It may be undocumented. */
  readonly code: string;
  /** `target.name`: the field or query parameter that the upstream rejects. */
  readonly target: string | undefined;
}

/**
 * Why an operation failed.
 *
 * - `REJECTED`: the response has an unexpected 4xx or 5xx status. If the status is definite (a 4xx
 *   other than 408 and 429, or 501), the response has Key Protect's own error body.
 * - `BAD_RESPONSE`: the response has another unexpected status, a definite one without that body (a
 *   page of a proxy), or its content is not that of the operation.
 * - `UNSUPPORTED`: the API dialect of the instance has no such operation; nothing was sent.
 */
export type KeyProtectErrorCode = "REJECTED" | "BAD_RESPONSE" | "UNSUPPORTED";

/**
 * The age of a token by its own expiry: `expired`, or `current` if it has not expired by any clock.
 * `undefined` in between, and for a token without a readable expiry.
 */
export type TokenAge = "expired" | "current" | undefined;

/** Facts about a failed operation. */
export interface KeyProtectErrorFacts {
  readonly httpStatus?: number | undefined;
  readonly reasons?: readonly UpstreamReason[] | undefined;
  /** Whether the response is not Key Protect's own but a proxy's, for example. Default `false`. */
  readonly isForeign?: boolean | undefined;
  /** From `Retry-After`, capped at 60,000 ms; absent if the header was absent or malformed. */
  readonly retryAfterMs?: number | undefined;
  /** Age of the caller's token, if the request carried it. */
  readonly callerTokenAge?: TokenAge;
  readonly cause?: unknown;
}

/**
 * A failed operation of Key Protect. The message contains no text of the upstream. Match on `code`.
 */
export class KeyProtectError extends Error {
  override readonly name = "KeyProtectError";
  readonly code: KeyProtectErrorCode;
  readonly httpStatus: number | undefined;
  readonly reasons: readonly UpstreamReason[];
  readonly isForeign: boolean;
  readonly retryAfterMs: number | undefined;
  readonly callerTokenAge: TokenAge;

  constructor(code: KeyProtectErrorCode, message: string, facts: KeyProtectErrorFacts = {}) {
    super(message, { cause: facts.cause });
    this.code = code;
    this.httpStatus = facts.httpStatus;
    this.reasons = facts.reasons ?? [];
    this.isForeign = facts.isForeign ?? false;
    this.retryAfterMs = facts.retryAfterMs;
    this.callerTokenAge = facts.callerTokenAge;
  }
}

/** Creates the error for a malformed response. `problem` names fields, never values. */
export function badResponseError(problem: string, httpStatus?: number): KeyProtectError {
  return new KeyProtectError("BAD_RESPONSE", `Key Protect sent a malformed response: ${problem}`, {
    httpStatus,
  });
}
