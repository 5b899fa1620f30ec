/** The mapping of requests that have no usable answer, and of calls that ended before one. */
import type { UpstreamError, UpstreamErrorCode } from "../../upstream/error.ts";
import { gatewayCredentialsRejected, callerTokenRejected } from "./access-failures.ts";
import { isUnsafe, type Failure } from "./failure.ts";
import * as upstream from "./upstream-failures.ts";

const deadline: Failure = (f) =>
  f.sent ? upstream.deadlineUpstream(f) : upstream.deadlineInQueue(f);

const byUpstreamCode: Readonly<Record<UpstreamErrorCode, Failure>> = {
  UNREACHABLE: upstream.upstreamUnreachable,
  RESET: upstream.connectionLost,
  TLS: upstream.tlsFailure,
  ATTEMPT_TIMEOUT: upstream.upstreamTimeout,
  BAD_RESPONSE: upstream.badResponse,
  CANCELLED: upstream.cancelled,
  DEADLINE: deadline,
  SHUTDOWN: upstream.shuttingDown,
  DEADLINE_IN_QUEUE: upstream.deadlineInQueue,
  DEADLINE_TOO_SHORT: upstream.deadlineTooShort,
  CIRCUIT_OPEN: upstream.circuitOpen,
  OVERLOADED: upstream.overloaded,
  CALLER_LIMIT: upstream.callerRateLimited,
  THROTTLED: upstream.rateLimited,
  UNAVAILABLE: upstream.upstreamPaused,
  IAM_UNAVAILABLE: upstream.iamUnavailable,
  IAM_REJECTED: gatewayCredentialsRejected,
  CALLER_TOKEN_MISSING: callerTokenRejected,
};

/** The failures of calls that ended before the handler answered. */
export const byCallEnd = {
  cancelled: upstream.cancelled,
  deadline,
  shutdown: upstream.shuttingDown,
} as const;

/**
 * The failure of a request without a usable answer. If it was sent, the outcome of an unsafe RPC is
 * open whatever the code is, for example after a TLS error in the middle of the answer.
 */
export const upstreamFailure =
  ({ code, sent }: UpstreamError): Failure =>
  (f) => {
    const answer = byUpstreamCode[code](f);
    const isDenied = sent && isUnsafe(f) && answer.details.mayHaveExecuted !== true;
    return isDenied ? upstream.outcomeUnknown(f) : answer;
  };
