import type { CallEnd } from "../../../platform/call-signal.ts";
import { UpstreamError } from "../../error.ts";

/**
 * Why a call got no permit. `EVICTED` had to leave its place to a call of a higher class, and `FLUSHED` was told what the one
 * who flushed had to say; both are errors of other codes. The others are the codes of the errors.
 */
export type ShedReason =
  | "CALLER_LIMIT"
  | "OVERLOADED"
  | "EVICTED"
  | "DEADLINE_TOO_SHORT"
  | "DEADLINE_IN_QUEUE"
  | "CANCELLED"
  | "FLUSHED"
  | "SHUTDOWN";

const notTaken = "nothing was sent";

const endings = {
  cancelled: () =>
    new UpstreamError("CANCELLED", `the call was cancelled in the queue; ${notTaken}`),
  deadline: () =>
    new UpstreamError("DEADLINE_IN_QUEUE", `the deadline passed in the queue; ${notTaken}`),
  shutdown: () => new UpstreamError("SHUTDOWN", `the queue was closed; ${notTaken}`),
} as const satisfies Record<CallEnd, () => UpstreamError>;

const endReasons = {
  cancelled: "CANCELLED",
  deadline: "DEADLINE_IN_QUEUE",
  shutdown: "SHUTDOWN",
} as const satisfies Record<CallEnd, ShedReason>;

/** The reason that a call which ended is counted under. */
export const shedReasonOf = (end: CallEnd): ShedReason => endReasons[end];

/** A delay as a caller is told: whole milliseconds, none if there is none. */
const wholeMs = (ms: number): number | undefined => (ms > 0 ? Math.ceil(ms) : undefined);

/** The errors with which a call leaves the queue, or is not let in. Waits in milliseconds, as estimated. */
export const rejections = {
  ended: (end: CallEnd): UpstreamError => endings[end](),
  callerLimit: (turnMs: number): UpstreamError =>
    new UpstreamError("CALLER_LIMIT", "the caller has too many calls waiting", {
      retryAfterMs: wholeMs(turnMs),
    }),
  overloaded: (turnMs: number): UpstreamError =>
    new UpstreamError("OVERLOADED", "too many calls are waiting", {
      retryAfterMs: wholeMs(turnMs),
    }),
  /** `serviceMs`: what an exchange takes after the wait. */
  tooShort: (turnMs: number, serviceMs: number): UpstreamError =>
    new UpstreamError("DEADLINE_TOO_SHORT", `the call would not end in time; ${notTaken}`, {
      retryAfterMs: wholeMs(turnMs),
      minimumMs: Math.ceil(turnMs + serviceMs),
    }),
};
