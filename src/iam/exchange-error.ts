/**
 * Why IAM, or the metadata service of a VPC instance, issued no token.
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
 * - `REJECTED`: 400, 401, 403 and other 4xx with an error code `BXNIM…` of IAM, or with one of the
 *   metadata service. The same request cannot succeed later.
 * - `API_KEY_UNREADABLE`, `CR_TOKEN_UNREADABLE`, `CLIENT_SECRET_UNREADABLE`: the API key, the
 *   compute-resource token or the client secret could not be read; nothing was sent with it.
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
  | UnreadableCode;

/** A file that the credential needs could not be read. */
export type UnreadableCode =
  | "API_KEY_UNREADABLE"
  | "CR_TOKEN_UNREADABLE"
  | "CLIENT_SECRET_UNREADABLE";

/** Whether another content of the credential's file could help. */
export const isCredentialFault = (code: TokenExchangeErrorCode): boolean =>
  code === "REJECTED" || code.endsWith("_UNREADABLE");

/** Facts about a failed exchange. */
export interface TokenExchangeErrorFacts {
  readonly httpStatus?: number | undefined;
  /** The code of IAM, such as `BXNIM0415E`, or of the metadata service, such as `not_found`. */
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
