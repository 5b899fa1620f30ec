/**
 * Failures on the way: the upstream, IAM, the network, time, and the gateway itself. "Unsafe" RPCs
 * are those whose second execution has an effect of its own, such as CreateKey and RotateKey.
 */
import { status } from "@grpc/grpc-js";
import {
  cancelledStatus,
  deadlineInQueueStatus,
  deadlineUpstreamStatus,
  internalStatus,
  shuttingDownStatus,
} from "../../grpc/status/call-ended-status.ts";
import {
  apiHelp,
  commonDetails,
  fail,
  isUnsafe,
  named,
  resource,
  retryable,
  retryDelay,
  transientRetryMs,
  type Failure,
} from "./failure.ts";

/** Least retry delay of a 429, in milliseconds: longer than that of an outage. */
const quotaRetryMs = 2_000;

/**
 * An unsafe RPC was sent, and its answer leaves the outcome open: 408, 500, 502, 503, 504 and every
 * other 5xx without an entry of its own, a proxy's 429, `RESET`, `ATTEMPT_TIMEOUT`, or `SHUTDOWN`
 * of the gateway.
 */
export const outcomeUnknown: Failure = (f) =>
  fail(
    f,
    status.UNKNOWN,
    "OUTCOME_UNKNOWN",
    `the answer of Key Protect was lost; ${f.context.rpc.method} may or may not have happened; check before you repeat it`,
    { mayHaveExecuted: true },
  );

/** `outcomeUnknown` if the RPC is unsafe and was sent, else `whenSafe`. */
const unlessAmbiguous =
  (whenSafe: Failure): Failure =>
  (f) =>
    isUnsafe(f) && f.sent ? outcomeUnknown(f) : whenSafe(f);

const quotaUsedUp: Failure = (f) =>
  fail(
    f,
    status.RESOURCE_EXHAUSTED,
    "UPSTREAM_RATE_LIMITED",
    f.isForeign
      ? `a proxy limits the requests to instance "${f.context.instance}"; send fewer requests`
      : `the request quota of instance "${f.context.instance}" is used up; send fewer requests`,
    {
      retryDelayMs: retryDelay(f, quotaRetryMs),
      quota: {
        subject: `instance:${f.context.instance}`,
        description: "requests of all callers to this Key Protect instance",
        apiService: "kms.cloud.ibm.com",
      },
    },
  );

/**
 * 429, with any reason code, or `THROTTLED`: the gateway sent nothing because of earlier 429s.
 * Retry delay: `Retry-After`, but at least 2 s; of `THROTTLED` the time until the call's turn. Only
 * Key Protect's own 429 proves that an unsafe RPC was not executed: a proxy may have passed the
 * request on before.
 */
export const rateLimited: Failure = (f) =>
  (f.isForeign ? unlessAmbiguous(quotaUsedUp) : quotaUsedUp)(f);

/** 5xx with `INCOMPLETE_METADATA_ERR`. As after any 5xx, an unsafe RPC may have been executed. */
export const dataCorrupt: Failure = (f) =>
  fail(
    f,
    status.DATA_LOSS,
    "UPSTREAM_DATA_CORRUPT",
    `Key Protect reports that the metadata of ${named(f)} is incomplete; contact IBM support with the correlation ID`,
    { resource: resource(f), help: [apiHelp], mayHaveExecuted: isUnsafe(f) },
  );

/** 4xx with `INVALID_SIG_EXP_ERR`. */
export const signatureExpired: Failure = (f) =>
  fail(
    f,
    status.INTERNAL,
    "UPSTREAM_INTERNAL",
    "Key Protect reports an internal signature problem; contact IBM support with the correlation ID",
    { help: [apiHelp] },
  );

/** 500 and every other 5xx without an entry of its own. */
export const upstreamInternal: Failure = unlessAmbiguous(
  retryable("UPSTREAM_INTERNAL", "Key Protect reports an internal error; try again later"),
);

/**
 * 502 or 503. `Retry-After` changes the delay only: a proxy adds it to its 503 whatever became of
 * the request.
 */
export const upstreamUnavailable: Failure = unlessAmbiguous(
  retryable("UPSTREAM_UNAVAILABLE", "Key Protect is not available; try again later"),
);

/** `UNAVAILABLE`: the gateway sent nothing because an earlier answer, a 503, asked for a pause. */
export const upstreamPaused: Failure = retryable(
  "UPSTREAM_UNAVAILABLE",
  "Key Protect is not available and has asked for a pause; nothing was sent; try again later",
);

/** 408, 504 or `ATTEMPT_TIMEOUT` (no answer within the time-out of one attempt). */
export const upstreamTimeout: Failure = unlessAmbiguous(
  retryable("UPSTREAM_TIMEOUT", "Key Protect did not answer in time; try again"),
);

/** `UNREACHABLE`: no connection, or it broke before the request was written. */
export const upstreamUnreachable: Failure = retryable(
  "UPSTREAM_UNREACHABLE",
  "the gateway cannot connect to Key Protect; nothing was sent; try again later",
);

/** `RESET`: the connection broke after the request was, or may have been, written. */
export const connectionLost: Failure = unlessAmbiguous(
  retryable("UPSTREAM_UNAVAILABLE", "the connection to Key Protect broke; try again"),
);

/** `TLS`: the certificate or host name of Key Protect, IAM or a proxy is not accepted. */
export const tlsFailure: Failure = (f) =>
  fail(
    f,
    status.INTERNAL,
    "UPSTREAM_TLS_FAILURE",
    `the certificate of Key Protect, of IAM or of the proxy is not accepted${f.sent ? "" : ", and nothing was sent to that server"}; the gateway's operator has to check it`,
  );

/**
 * `BAD_RESPONSE` with a 4xx or 501: a page of a proxy, which says nothing about the resource.
 * Whether the request reached Key Protect is not known.
 */
const notKeyProtect: Failure = (f) =>
  isUnsafe(f) && f.sent
    ? fail(
        f,
        status.INTERNAL,
        "UPSTREAM_BAD_RESPONSE",
        `the answer is not Key Protect's; ${f.context.rpc.method} may or may not have happened; check before you repeat it`,
        { mayHaveExecuted: true },
      )
    : retryable(
        "UPSTREAM_BAD_RESPONSE",
        "the answer is not Key Protect's, so it decides nothing; try again later",
      )(f);

/**
 * `BAD_RESPONSE`: a 2xx whose content is not what the operation returns, a 3xx (Key Protect sends
 * none, and a proxy's says nothing about the request), an answer that is no valid HTTP, one larger
 * than allowed, or a page in Key Protect's place.
 */
export const badResponse: Failure = (f) => {
  if ((f.httpStatus ?? 0) >= 400) return notKeyProtect(f);
  const mayHaveExecuted = isUnsafe(f) && f.sent;
  return fail(
    f,
    status.INTERNAL,
    "UPSTREAM_BAD_RESPONSE",
    mayHaveExecuted
      ? `the gateway cannot read the answer of Key Protect; ${f.context.rpc.method} may have happened`
      : "the gateway cannot read the answer of Key Protect",
    { mayHaveExecuted },
  );
};

/** `CANCELLED`: the caller cancelled the call while it waited. */
export const cancelled: Failure = (f) =>
  cancelledStatus({ ...commonDetails(f), mayHaveExecuted: isUnsafe(f) && f.sent });

/** `SHUTDOWN`: the gateway shut down while the call waited. */
export const shuttingDown: Failure = unlessAmbiguous((f) => shuttingDownStatus(commonDetails(f)));

/** `DEADLINE` after the request was sent: the deadline passed during the exchange. */
export const deadlineUpstream: Failure = (f) =>
  deadlineUpstreamStatus({
    ...commonDetails(f),
    mayHaveExecuted: f.context.rpc.retry !== "safe" && f.sent,
  });

/** `DEADLINE_IN_QUEUE`, or `DEADLINE` before the request was sent. */
export const deadlineInQueue: Failure = (f) => deadlineInQueueStatus(commonDetails(f));

/** `DEADLINE_TOO_SHORT`: the gateway expects no answer before the deadline and sends nothing. */
export const deadlineTooShort: Failure = (f) =>
  fail(
    f,
    status.DEADLINE_EXCEEDED,
    "DEADLINE_TOO_SHORT",
    `the remaining time is too short for an answer of Key Protect${f.minimumMs === undefined ? "" : `: at least ${f.minimumMs} ms are needed`}; nothing was sent`,
    {
      retryDelayMs: f.retryAfterMs,
      ...(f.minimumMs === undefined ? {} : { metadata: { minimumMs: String(f.minimumMs) } }),
    },
  );

/** `CIRCUIT_OPEN`: the circuit breaker of the upstream is open. */
export const circuitOpen: Failure = retryable(
  "CIRCUIT_OPEN",
  "Key Protect has been failing, so the gateway sends it no requests for a while; nothing was sent",
);

/** `OVERLOADED`: the queue of the instance is full. */
export const overloaded: Failure = retryable(
  "OVERLOADED",
  "more calls wait in this replica of the gateway than it can serve; nothing was sent",
);

/** `CALLER_LIMIT`: the caller has its share of the queue in use. */
export const callerRateLimited: Failure = (f) =>
  fail(
    f,
    status.RESOURCE_EXHAUSTED,
    "CALLER_RATE_LIMITED",
    "this caller has more waiting calls than its share of the queue; call less often",
    {
      retryDelayMs: retryDelay(f, transientRetryMs),
      quota: { subject: `caller:${f.context.caller}`, description: "calls of one caller" },
    },
  );

/** `IAM_UNAVAILABLE`: IAM does not answer, or answers 408, 429, 5xx or without a token. */
export const iamUnavailable: Failure = retryable(
  "IAM_UNAVAILABLE",
  "IAM gives the gateway no token; nothing was sent to Key Protect; try again later",
);

/** An error of an unknown type: a defect of the gateway. */
export const internal: Failure = (f) =>
  internalStatus({ ...commonDetails(f), mayHaveExecuted: isUnsafe(f) && f.sent });
