import { status } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { CallObserver, CallOutcome } from "../call/call-observer.ts";
import type { Reason } from "../status/status-error.ts";

type Level = "info" | "warn" | "error";

/** Needs a human: a defect, damaged keys, or a change that may or may not have happened. */
const errors: ReadonlySet<status> = new Set([status.INTERNAL, status.DATA_LOSS, status.UNKNOWN]);

/** The gateway or its upstream fell short, but is expected to recover. */
const warnings: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.RESOURCE_EXHAUSTED,
]);

/**
 * The gateway's own refusals: the reason says all that the error behind it would, and there are most of them when there is
 * least time to write.
 */
const refusals: ReadonlySet<Reason | undefined> = new Set<Reason>([
  "OVERLOADED",
  "CALLER_RATE_LIMITED",
  "CIRCUIT_OPEN",
  "DEADLINE_TOO_SHORT",
  "DEADLINE_IN_QUEUE",
  "SHUTTING_DOWN",
]);

function levelOf({ code, mayHaveExecuted }: CallOutcome): Level {
  if (errors.has(code)) return "error";
  return warnings.has(code) || mayHaveExecuted ? "warn" : "info";
}

/**
 * Writes one line per call when it has ended. What a caller did wrong is `info`: it is the caller's to act on. The
 * error behind a status goes along from `warn` on, through the logger's own `err` serializer, unless the gateway itself
 * refused the call. No field of a request or a response is ever part of the line.
 */
export function createLogAccess(logger: Logger): CallObserver {
  return {
    callEnded(outcome) {
      const level = levelOf(outcome);
      if (!logger.isLevelEnabled(level)) return;
      const { context, code, reason, durationMs, error, mayHaveExecuted } = outcome;
      const { attemptLog } = context;
      logger[level](
        {
          method: context.rpc.path.slice(1),
          code: status[code],
          reason,
          durationMs: Math.round(durationMs * 1_000) / 1_000,
          correlationId: context.correlationId,
          caller: attemptLog.caller ?? context.caller,
          instance: attemptLog.instance ?? context.instance,
          peer: context.peer,
          upstreamAttempts: attemptLog.attempts,
          upstreamStatus: attemptLog.httpStatus,
          // Key Protect's own logs know the shared request by this ID.
          upstreamCorrelationId: attemptLog.sentAs,
          mayHaveExecuted: mayHaveExecuted ? true : undefined,
          err: level === "info" || refusals.has(reason) ? undefined : error,
        },
        "call",
      );
    },
  };
}
