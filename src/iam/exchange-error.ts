/**
 * Why IAM issued no token.
 *
 * - `UNREACHABLE`: there was no connection, or it broke.
 * - `TLS`: the certificate or host name was not accepted, or the handshake failed.
 * - `PROXY_REFUSED`: the proxy answered CONNECT with a 4xx, such as 407 for a wrong password.
 * - `TIMEOUT`: no complete response arrived in time.
 * - `THROTTLED`: status 429.
 * - `FAILED`: status 408 or 5xx.
 * - `BAD_RESPONSE`: the response makes no sense, or the token has no lifetime. Includes 404 and
 *   405, which mean a wrong address, and any other 4xx without IAM's own error code, because a
 *   proxy may have sent it.
 * - `REJECTED`: 400, 401, 403 and other 4xx with an error code `BXNIM…` of IAM. The same request
 *   cannot succeed later.
 * - `API_KEY_UNREADABLE`: the API key could not be read; nothing was sent.
 */
export type TokenExchangeErrorCode =
  | "UNREACHABLE"
  | "TLS"
  | "PROXY_REFUSED"
  | "TIMEOUT"
  | "THROTTLED"
  | "FAILED"
  | "BAD_RESPONSE"
  | "REJECTED"
  | "API_KEY_UNREADABLE";

/** Facts about a failed exchange. */
export interface TokenExchangeErrorFacts {
  readonly httpStatus?: number | undefined;
  /** IAM's error code, such as `BXNIM0415E`. */
  readonly iamCode?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/**
 * A failed exchange of a credential for a token. It contains no text from IAM other than the error
 * code. Match on `code`.
 */
export class TokenExchangeError extends Error {
  override readonly name = "TokenExchangeError";
  readonly code: TokenExchangeErrorCode;
  readonly httpStatus: number | undefined;
  readonly iamCode: string | undefined;
  /** IAM's `Retry-After`, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(code: TokenExchangeErrorCode, message: string, facts: TokenExchangeErrorFacts = {}) {
    super(message, { cause: facts.cause });
    this.code = code;
    this.httpStatus = facts.httpStatus;
    this.iamCode = facts.iamCode;
    this.retryAfterMs = facts.retryAfterMs;
  }
}
