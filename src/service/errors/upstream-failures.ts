/** What went wrong on the way: the upstream, IAM, the network, the gateway itself, time. */
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
  transientRetryMs,
  type FailureContext,
  type Failure,
} from "./failure.ts";

/** A 429 without `Retry-After`: the quota is gone for longer than a hiccup lasts. */
const quotaRetryMs = 2_000;

export const outcomeUnknown: Failure = (s) =>
  fail(
    s,
    status.UNKNOWN,
    "OUTCOME_UNKNOWN",
    `the answer of Key Protect was lost: ${s.context.rpc.method} may or may not have happened; look before repeating it`,
    { neverRetry: true, mayHaveExecuted: true },
  );

/** `whenSafe`, unless the RPC must not be executed twice and may have been executed. */
const unlessAmbiguous =
  (whenSafe: Failure): Failure =>
  (s) =>
    isUnsafe(s) && s.sent ? outcomeUnknown(s) : whenSafe(s);

export const rateLimited: Failure = (s) =>
  fail(
    s,
    status.RESOURCE_EXHAUSTED,
    "UPSTREAM_RATE_LIMITED",
    `the request quota of instance "${s.context.instance}" is used up`,
    {
      retryDelayMs: s.retryAfterMs ?? quotaRetryMs,
      quota: {
        subject: `instance:${s.context.instance}`,
        description: "requests of all callers to this Key Protect instance",
        apiService: "kms.cloud.ibm.com",
      },
    },
  );

export const dataCorrupt: Failure = (s) =>
  fail(
    s,
    status.DATA_LOSS,
    "UPSTREAM_DATA_CORRUPT",
    `Key Protect reports that the metadata of ${named(s)} is incomplete; contact IBM support with the correlation ID`,
    { resource: resource(s), help: [apiHelp] },
  );

export const signatureExpired: Failure = (s) =>
  fail(
    s,
    status.INTERNAL,
    "UPSTREAM_INTERNAL",
    "Key Protect reports an internal signature problem; contact IBM support with the correlation ID",
    { help: [apiHelp] },
  );

export const upstreamInternal: Failure = unlessAmbiguous(
  retryable("UPSTREAM_INTERNAL", "Key Protect reports an internal error; try again later"),
);

/** The upstream says by `Retry-After` that it did not take the request. */
export const upstreamRefuses: Failure = retryable(
  "UPSTREAM_UNAVAILABLE",
  "Key Protect is not available and asks to come back later",
);

export const upstreamUnavailable: Failure = unlessAmbiguous(
  retryable("UPSTREAM_UNAVAILABLE", "Key Protect is not available; try again later"),
);

export const upstreamTimeout: Failure = unlessAmbiguous(
  retryable("UPSTREAM_TIMEOUT", "Key Protect did not answer in time; try again"),
);

export const upstreamUnreachable: Failure = retryable(
  "UPSTREAM_UNREACHABLE",
  "no connection to Key Protect could be made; nothing was sent",
);

export const connectionLost: Failure = unlessAmbiguous(
  retryable("UPSTREAM_UNAVAILABLE", "the connection to Key Protect broke; try again"),
);

export const tlsFailure: Failure = (s) =>
  fail(
    s,
    status.INTERNAL,
    "UPSTREAM_TLS_FAILURE",
    "the certificate of Key Protect or of IAM is not accepted; nothing was sent to it; the gateway's operator has to look at it",
  );

/** A redirection says that nothing was done here; but for 303, which follows upon having done it (RFC 9110, 15.4.4). */
const isRedirected = ({ httpStatus = 0 }: FailureContext): boolean =>
  httpStatus >= 300 && httpStatus < 400 && httpStatus !== 303;

export const badResponse: Failure = (s) => {
  const mayHaveExecuted = isUnsafe(s) && s.sent && !isRedirected(s);
  return fail(
    s,
    status.INTERNAL,
    "UPSTREAM_BAD_RESPONSE",
    mayHaveExecuted
      ? `Key Protect answered ${s.context.rpc.method} in a way the gateway cannot read; it has probably happened`
      : "Key Protect answered in a way the gateway cannot read",
    { mayHaveExecuted },
  );
};

export const cancelled: Failure = (s) =>
  cancelledStatus({ ...commonDetails(s), mayHaveExecuted: isUnsafe(s) && s.sent });

export const shuttingDown: Failure = unlessAmbiguous((s) => shuttingDownStatus(commonDetails(s)));

export const deadlineUpstream: Failure = (s) =>
  deadlineUpstreamStatus({
    ...commonDetails(s),
    mayHaveExecuted: s.context.rpc.repeat !== "safe" && s.sent,
  });

export const deadlineInQueue: Failure = (s) => deadlineInQueueStatus(commonDetails(s));

export const deadlineTooShort: Failure = (s) =>
  fail(
    s,
    status.DEADLINE_EXCEEDED,
    "DEADLINE_TOO_SHORT",
    `too little time is left to ask Key Protect${s.minimumMs === undefined ? "" : `: at least ${s.minimumMs} ms are needed`}; nothing was sent`,
    {
      retryDelayMs: s.retryAfterMs,
      ...(s.minimumMs === undefined ? {} : { metadata: { minimumMs: String(s.minimumMs) } }),
    },
  );

export const circuitOpen: Failure = retryable(
  "CIRCUIT_OPEN",
  "Key Protect has been failing; the gateway does not ask it for a moment; nothing was sent",
);

export const overloaded: Failure = retryable(
  "OVERLOADED",
  "this replica of the gateway has more calls waiting than it can serve; nothing was sent",
);

export const callerRateLimited: Failure = (s) =>
  fail(
    s,
    status.RESOURCE_EXHAUSTED,
    "CALLER_RATE_LIMITED",
    "this caller has more calls waiting than its share",
    {
      retryDelayMs: s.retryAfterMs ?? transientRetryMs,
      quota: { subject: `caller:${s.context.caller}`, description: "calls of one caller" },
    },
  );

export const iamUnavailable: Failure = retryable(
  "IAM_UNAVAILABLE",
  "no IAM token could be got; nothing was sent to Key Protect; try again later",
);

export const internal: Failure = (s) =>
  internalStatus({ ...commonDetails(s), mayHaveExecuted: isUnsafe(s) && s.sent });
