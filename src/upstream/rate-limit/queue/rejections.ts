/** The errors with which a call leaves the queue, or is not queued. */
import type { CallEnd } from "../../../platform/call-signal.ts";
import { UpstreamError, type UpstreamErrorCode, type UpstreamErrorFacts } from "../../error.ts";
import type { RefusalCause } from "../adaptive/lockout.ts";

/**
 * Why a call got no permit. The reason is the code of the error, with two exceptions: an `EVICTED`
 * call made room for a call of a higher class, and a `FLUSHED` call got the error of the caller of
 * `flush`.
 */
export type ShedReason =
  | "CALLER_LIMIT"
  | "OVERLOADED"
  | "EVICTED"
  | "DEADLINE_TOO_SHORT"
  | "THROTTLED"
  | "UNAVAILABLE"
  | "DEADLINE_IN_QUEUE"
  | "CANCELLED"
  | "FLUSHED"
  | "SHUTDOWN";

/** A rejected call. */
export interface Rejection {
  /** The reason for the metrics. */
  readonly reason: ShedReason;
  readonly error: UpstreamError;
}

type RejectionCode = ShedReason & UpstreamErrorCode;

const endings = {
  cancelled: ["CANCELLED", "the call was cancelled in the queue; nothing was sent"],
  deadline: ["DEADLINE_IN_QUEUE", "the deadline passed in the queue; nothing was sent"],
  shutdown: ["SHUTDOWN", "the queue was closed; nothing was sent"],
} as const satisfies Record<CallEnd, readonly [RejectionCode, string]>;

const refusals = {
  quota: {
    reason: "THROTTLED",
    message: "the upstream refuses requests for lack of quota; nothing was sent",
  },
  outage: {
    reason: "UNAVAILABLE",
    message: "the upstream asked for a pause with a 503; nothing was sent",
  },
} as const satisfies Record<RefusalCause, { reason: RejectionCode; message: string }>;

const reject = (
  reason: RejectionCode,
  message: string,
  facts?: Pick<UpstreamErrorFacts, "retryAfterMs" | "minimumMs">,
): Rejection => ({ reason, error: new UpstreamError(reason, message, facts) });

/** Whole milliseconds, as `retryAfterMs` has them; `undefined` for no wait. */
const wholeMs = (ms: number): number | undefined => (ms > 0 ? Math.ceil(ms) : undefined);

const refused = (cause: RefusalCause, turnMs: number): Rejection =>
  reject(refusals[cause].reason, refusals[cause].message, { retryAfterMs: wholeMs(turnMs) });

/** A call's remaining time, and the estimated times of its wait and its exchange. */
interface Turn {
  readonly leftMs: number;
  readonly turnMs: number;
  readonly serviceMs: number;
}

/** The rejections. `turnMs` is the estimated wait for a permit, in milliseconds. */
export const rejections = {
  /** The call ended before it got a permit. */
  ended(end: CallEnd): Rejection {
    const [reason, message] = endings[end];
    return reject(reason, message);
  },
  callerLimit: (turnMs: number): Rejection =>
    reject("CALLER_LIMIT", "the caller has too many calls waiting", {
      retryAfterMs: wholeMs(turnMs),
    }),
  /** The queue is full. `cause`: why the upstream refuses requests at present, if it does. */
  full: (turnMs: number, cause: RefusalCause | undefined): Rejection =>
    cause === undefined
      ? reject("OVERLOADED", "too many calls are waiting", { retryAfterMs: wholeMs(turnMs) })
      : refused(cause, turnMs),
  /** The call would miss its deadline. */
  late({ leftMs, turnMs, serviceMs }: Turn, cause: RefusalCause | undefined): Rejection {
    if (cause !== undefined && leftMs >= serviceMs) return refused(cause, turnMs);
    return reject("DEADLINE_TOO_SHORT", "the call would miss its deadline; nothing was sent", {
      retryAfterMs: wholeMs(turnMs),
      minimumMs: Math.ceil(turnMs + serviceMs),
    });
  },
};
