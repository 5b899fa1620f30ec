/**
 * Why IAM gave no token.
 *
 * - `UNREACHABLE`: no connection, or it broke.
 * - `TLS`: the certificate or host name was not accepted, or no protocol was agreed on.
 * - `TIMEOUT`: no complete answer in time.
 * - `THROTTLED`: 429.
 * - `FAILED`: 408 or 5xx.
 * - `BAD_RESPONSE`: an answer that makes no sense, or a token that lives no time.
 * - `REJECTED`: 400, 401, 403 and other 4xx but 404 and 405, which speak about the address: asking again the same way cannot help.
 * - `API_KEY_UNREADABLE`: there is no API key to send; nothing was sent.
 */
export type TokenExchangeErrorCode =
  | "UNREACHABLE"
  | "TLS"
  | "TIMEOUT"
  | "THROTTLED"
  | "FAILED"
  | "BAD_RESPONSE"
  | "REJECTED"
  | "API_KEY_UNREADABLE";

export interface TokenExchangeErrorFacts {
  readonly httpStatus?: number | undefined;
  /** IAM's code, such as `BXNIM0415E`. */
  readonly iamCode?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** An exchange of a credential for a token that failed. Holds nothing that IAM wrote but its code. Match on `code`. */
export class TokenExchangeError extends Error {
  override readonly name = "TokenExchangeError";
  readonly code: TokenExchangeErrorCode;
  readonly httpStatus: number | undefined;
  readonly iamCode: string | undefined;
  /** How long IAM asks to be left alone, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(code: TokenExchangeErrorCode, message: string, facts: TokenExchangeErrorFacts = {}) {
    super(message, { cause: facts.cause });
    this.code = code;
    this.httpStatus = facts.httpStatus;
    this.iamCode = facts.iamCode;
    this.retryAfterMs = facts.retryAfterMs;
  }
}
