/** The statuses of calls that end for a reason of their own rather than by what their handler found out. */
import { status } from "@grpc/grpc-js";
import { callEnd, type CallEnd, CallEnded } from "../../platform/call-signal.ts";
import type { CallContext } from "../call/call-context.ts";
import { StatusError } from "./status-error.ts";

/** A new call while the gateway drains. */
export const refusedWhileDraining = (): StatusError =>
  new StatusError(
    status.UNAVAILABLE,
    "SHUTTING_DOWN",
    "this replica of the gateway is shutting down; connect to another",
    { retryDelayMs: 0 },
  );

/**
 * A call whose deadline leaves no time for an answer. grpc-js keeps timeouts in 32 bits, so that one of 25 days
 * arrives as a time long past; nothing shorter can be in the past by more than the call's own way here.
 */
export const deadlineTooShort = (remainingMs: number, leastMs: number): StatusError =>
  new StatusError(
    status.DEADLINE_EXCEEDED,
    "DEADLINE_TOO_SHORT",
    remainingMs < -60_000
      ? "the deadline is too far away to be represented; use one of less than 24 days"
      : `too little time is left before the deadline: more than ${leastMs} ms are needed; nothing was sent`,
    { metadata: { minimumMs: String(leastMs + 1) } },
  );

/** A call whose time is over before anything was done for it. */
export const deadlineInQueue = (): StatusError =>
  new StatusError(
    status.DEADLINE_EXCEEDED,
    "DEADLINE_IN_QUEUE",
    "the deadline passed before anything was sent to Key Protect; the call may be repeated",
  );

/** Whether Key Protect has, or may have, carried out what the call asks for: on this call's request, or on that of one it waits for. */
const hasBegun = ({ attemptLog }: CallContext): boolean =>
  attemptLog.attempts > 0 || attemptLog.mayHaveBeenExecuted === true;

const endedBy: Readonly<Record<CallEnd, (context: CallContext) => StatusError>> = {
  cancelled: (context) =>
    new StatusError(status.CANCELLED, "OUTCOME_UNKNOWN", "the caller cancelled the call", {
      mayHaveExecuted: context.rpc.repeat === "unsafe" && hasBegun(context),
    }),
  deadline: (context) =>
    hasBegun(context)
      ? new StatusError(
          status.DEADLINE_EXCEEDED,
          "DEADLINE_UPSTREAM",
          "the deadline passed while Key Protect was being asked",
          { mayHaveExecuted: context.rpc.repeat !== "safe" },
        )
      : deadlineInQueue(),
  shutdown: (context) =>
    context.rpc.repeat === "unsafe" && hasBegun(context)
      ? new StatusError(
          status.UNKNOWN,
          "OUTCOME_UNKNOWN",
          `the gateway shut down before Key Protect answered: ${context.rpc.method} may or may not have happened; look before repeating it`,
          { neverRetry: true, mayHaveExecuted: true },
        )
      : refusedWhileDraining(),
};

/** The status of a call whose signal was aborted before its handler had an answer. */
export const endedCall = (context: CallContext): StatusError =>
  endedBy[callEnd(context.signal)](context);

/**
 * The status for whatever a handler threw. A `StatusError` is passed on; the call's own end is told as such; anything
 * else is a defect of the gateway and gets a fixed text, because its message may hold host names or worse.
 */
export function statusErrorOf(error: unknown, context: CallContext): StatusError {
  if (error instanceof StatusError) return error;
  if (error instanceof CallEnded && context.signal.aborted) return endedCall(context);
  return new StatusError(status.INTERNAL, "GATEWAY_INTERNAL", "internal error of the gateway", {
    mayHaveExecuted: context.rpc.repeat === "unsafe" && context.attemptLog.attempts > 0,
    cause: error,
  });
}
