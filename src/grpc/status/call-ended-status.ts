/**
 * Statuses of calls that end for a reason of their own (cancellation, deadline, shutdown), through
 * a defect of the gateway, or because their response is too large. Their texts are written here
 * once; `service/errors` uses them for the same failures when an upstream request reports them.
 */
import { status } from "@grpc/grpc-js";
import { mayHaveReached } from "../../platform/attempt-log.ts";
import { callEnd, type CallEnd, CallEnded } from "../../platform/call-signal.ts";
import type { Rpc } from "../../rpc-table.ts";
import type { CallContext } from "../call/call-context.ts";
import { StatusError, type StatusDetails } from "./status-error.ts";

/** `CANCELLED`: the caller cancelled the call. */
export const cancelledStatus = (details?: StatusDetails): StatusError =>
  new StatusError(status.CANCELLED, "OUTCOME_UNKNOWN", "the caller cancelled the call", details);

/** `UNAVAILABLE` / `SHUTTING_DOWN`: a call that arrives, or was not executed, during shutdown. */
export const shuttingDownStatus = (details?: StatusDetails): StatusError =>
  new StatusError(
    status.UNAVAILABLE,
    "SHUTTING_DOWN",
    "this replica of the gateway is shutting down; connect to another",
    { retryDelayMs: 0, ...details },
  );

/**
 * `DEADLINE_TOO_SHORT`: there is no time left for a response; more than `leastMs` are
 * needed.
 */
export const deadlineTooShortStatus = (leastMs: number): StatusError =>
  new StatusError(
    status.DEADLINE_EXCEEDED,
    "DEADLINE_TOO_SHORT",
    `too little time is left before the deadline: more than ${leastMs} ms are needed; nothing was sent`,
    { metadata: { minimumMs: String(leastMs + 1) } },
  );

/** `DEADLINE_IN_QUEUE`: the deadline passed before anything was sent to Key Protect. */
export const deadlineInQueueStatus = (details?: StatusDetails): StatusError =>
  new StatusError(
    status.DEADLINE_EXCEEDED,
    "DEADLINE_IN_QUEUE",
    "the deadline passed before anything was sent to Key Protect; the call may be repeated",
    details,
  );

/**
 * `REQUEST_INCOMPLETE`: the request did not arrive in time, or the memory of its part was needed
 * for other calls.
 */
export const requestIncompleteStatus = (why: "bytes" | "time"): StatusError =>
  new StatusError(
    status.RESOURCE_EXHAUSTED,
    "REQUEST_INCOMPLETE",
    why === "time"
      ? "the request did not arrive in full in time; nothing was sent to Key Protect"
      : "the gateway holds too many incomplete requests, and this one was dropped; nothing was sent to Key Protect",
    { retryDelayMs: 1_000 },
  );

/** `DEADLINE_UPSTREAM`: the deadline passed after a request was sent to Key Protect. */
export const deadlineUpstreamStatus = (details?: StatusDetails): StatusError =>
  new StatusError(
    status.DEADLINE_EXCEEDED,
    "DEADLINE_UPSTREAM",
    "the deadline passed while Key Protect was being asked",
    details,
  );

/** `GATEWAY_INTERNAL`: a defect of the gateway. The text is fixed; the `cause` is only logged. */
export const internalStatus = (details?: StatusDetails): StatusError =>
  new StatusError(status.INTERNAL, "GATEWAY_INTERNAL", "internal error of the gateway", details);

/**
 * `UPSTREAM_BAD_RESPONSE`: the encoded response has `bytes` bytes, and more than `maxBytes` may not
 * be sent.
 */
export const responseTooLargeStatus = (bytes: number, maxBytes: number, rpc: Rpc): StatusError =>
  new StatusError(
    status.INTERNAL,
    "UPSTREAM_BAD_RESPONSE",
    `the response has ${bytes} bytes, and the gateway sends at most ${maxBytes}; a smaller page may fit`,
    { mayHaveExecuted: rpc.retry === "unsafe" },
  );

/** Whether Key Protect may have executed what an RPC that must not be repeated asks for. */
const isInDoubt = ({ rpc, attemptLog }: CallContext): boolean =>
  rpc.retry === "unsafe" && mayHaveReached(attemptLog);

const statusByEnd: Readonly<Record<CallEnd, (context: CallContext) => StatusError>> = {
  cancelled: (context) => cancelledStatus({ mayHaveExecuted: isInDoubt(context) }),
  deadline: (context) =>
    mayHaveReached(context.attemptLog)
      ? deadlineUpstreamStatus({ mayHaveExecuted: context.rpc.retry !== "safe" })
      : deadlineInQueueStatus(),
  shutdown: (context) =>
    isInDoubt(context)
      ? new StatusError(
          status.UNKNOWN,
          "OUTCOME_UNKNOWN",
          `the gateway shut down before Key Protect answered: ${context.rpc.method} may or may not have happened; look before repeating it`,
          { mayHaveExecuted: true },
        )
      : shuttingDownStatus(),
};

/** The status of a call whose signal was aborted before its handler had a result. */
export const callEndedStatus = (context: CallContext): StatusError =>
  statusByEnd[callEnd(context.signal)](context);

/**
 * The status for anything a handler throws. A `StatusError` is passed on. A `CallEnded` becomes the
 * status of the call's end. Anything else is a defect and becomes `GATEWAY_INTERNAL` with a fixed
 * text, because its message may hold host names or secrets.
 */
export function statusErrorOf(error: unknown, context: CallContext): StatusError {
  if (error instanceof StatusError) return error;
  if (error instanceof CallEnded && context.signal.aborted) return callEndedStatus(context);
  return internalStatus({ mayHaveExecuted: isInDoubt(context), cause: error });
}
