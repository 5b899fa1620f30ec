/** The one error of the outbound side, and its codes. */
import { callEnd, type CallEnd, type CallSignal } from "../platform/call-signal.ts";
import { StacklessError } from "../platform/errors.ts";

/**
 * Why a request to the upstream ended without a usable response.
 *
 * - `UNREACHABLE`: connection refused, no such host, connect time-out, or reset before the request
 *   was written.
 * - `RESET`: the connection broke after the request was, or may have been, written.
 * - `TLS`: the certificate or host name was not accepted, or no protocol was agreed on.
 * - `ATTEMPT_TIMEOUT`: the time for one attempt is over.
 * - `BAD_RESPONSE`: the response is not valid HTTP, or is larger than allowed.
 * - `CANCELLED`, `DEADLINE`, `SHUTDOWN`: the call itself ended during the exchange.
 * - `DEADLINE_IN_QUEUE`, `DEADLINE_TOO_SHORT`: the call's deadline passed, or would have passed,
 *   before anything was sent.
 * - `CIRCUIT_OPEN`, `OVERLOADED`, `CALLER_LIMIT`: the gateway did not send the request.
 * - `THROTTLED`, `UNAVAILABLE`: the upstream refuses requests at present, with 429 or 503, and the
 *   call cannot wait for the end of that. The gateway did not send it.
 * - `IAM_UNAVAILABLE`, `IAM_REJECTED`: there is no token. IAM could not be reached, or rejected the
 *   gateway's credential.
 * - `CALLER_TOKEN_MISSING`: the instance passes the caller's token through, and the caller sent
 *   none.
 */
export type UpstreamErrorCode =
  | "UNREACHABLE"
  | "RESET"
  | "TLS"
  | "ATTEMPT_TIMEOUT"
  | "BAD_RESPONSE"
  | "CANCELLED"
  | "DEADLINE"
  | "SHUTDOWN"
  | "DEADLINE_IN_QUEUE"
  | "DEADLINE_TOO_SHORT"
  | "CIRCUIT_OPEN"
  | "OVERLOADED"
  | "CALLER_LIMIT"
  | "THROTTLED"
  | "UNAVAILABLE"
  | "IAM_UNAVAILABLE"
  | "IAM_REJECTED"
  | "CALLER_TOKEN_MISSING";

/** Facts about a failed request beyond its code. */
export interface UpstreamErrorFacts {
  /** Whether any byte of the request may have left. `false`: certainly not executed. Default. */
  readonly sent?: boolean | undefined;
  /** How long to wait before trying again, in milliseconds, if that is known. */
  readonly retryAfterMs?: number | undefined;
  /** For `DEADLINE_TOO_SHORT`: the least time left that would have been enough, in milliseconds. */
  readonly minimumMs?: number | undefined;
  /**
   * Present if the request is still in progress although its call ended. Resolves when the
   * connection is free.
   */
  readonly connectionFreed?: Promise<void> | undefined;
  readonly cause?: unknown;
}

/** A request to the upstream (or to IAM) that ended without a usable response. Match on `code`. */
export class UpstreamError extends StacklessError {
  override readonly name = "UpstreamError";
  readonly code: UpstreamErrorCode;
  readonly sent: boolean;
  readonly retryAfterMs: number | undefined;
  readonly minimumMs: number | undefined;
  readonly connectionFreed: Promise<void> | undefined;

  constructor(code: UpstreamErrorCode, message: string, facts: UpstreamErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.sent = facts.sent ?? false;
    this.retryAfterMs = facts.retryAfterMs;
    this.minimumMs = facts.minimumMs;
    this.connectionFreed = facts.connectionFreed;
  }
}

const endCodes = {
  cancelled: "CANCELLED",
  deadline: "DEADLINE",
  shutdown: "SHUTDOWN",
} as const satisfies Record<CallEnd, UpstreamErrorCode>;

/**
 * The error for a call whose signal was aborted. The code says how the call ended, and `message`
 * what it was waiting for. `cause` is the signal's reason.
 */
export const callEndedError = (
  signal: Pick<CallSignal, "reason">,
  facts: Pick<UpstreamErrorFacts, "sent" | "connectionFreed"> = {},
  message = "the call ended before the answer came",
): UpstreamError =>
  new UpstreamError(endCodes[callEnd(signal)], message, { ...facts, cause: signal.reason });
