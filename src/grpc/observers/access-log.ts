import { status } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { CallObserver, CallOutcome } from "../call/call-observer.ts";
import { type Reason, StatusError } from "../status/status-error.ts";

type Level = "info" | "warn" | "error";

/** Statuses for an operator: a defect, damaged keys, or a change that may have happened. */
const errors: ReadonlySet<status> = new Set([status.INTERNAL, status.DATA_LOSS, status.UNKNOWN]);

/** The gateway or its upstream failed, but is expected to recover. */
const warnings: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.RESOURCE_EXHAUSTED,
]);

/**
 * Rejections by the gateway itself. They are logged without their error: the reason says the same,
 * and most of them occur under overload, when writing costs most.
 */
const rejections: ReadonlySet<Reason | undefined> = new Set<Reason>([
  "OVERLOADED",
  "CALLER_RATE_LIMITED",
  "CIRCUIT_OPEN",
  "DEADLINE_TOO_SHORT",
  "DEADLINE_IN_QUEUE",
  "SHUTTING_DOWN",
]);

/** Answers of the upstream, or rejections in the time of a pause that it asked for. */
const upstreamRefusals: ReadonlySet<Reason | undefined> = new Set<Reason>([
  "UPSTREAM_RATE_LIMITED",
  "UPSTREAM_UNAVAILABLE",
]);

const isRejection = ({ reason, context }: CallOutcome): boolean =>
  rejections.has(reason) || (upstreamRefusals.has(reason) && context.attemptLog.attempts === 0);

function levelOf({ code, mayHaveExecuted }: CallOutcome): Level {
  if (errors.has(code)) return "error";
  return warnings.has(code) || mayHaveExecuted ? "warn" : "info";
}

/**
 * Why the caller is not identified, in the words of the status. Its text is the gateway's own and
 * contains nothing of the request.
 */
const refusalOf = ({ code, error }: CallOutcome): string | undefined =>
  code === status.UNAUTHENTICATED && error instanceof StatusError ? error.message : undefined;

/**
 * Creates the observer that writes one line per call when it has ended. A mistake of the caller is
 * logged at `info`, because only the caller can act on it. From `warn` on the line includes the
 * error behind the status, through the logger's own `err` serializer, except for rejections by the
 * gateway. No field of a request or response is ever logged.
 */
export function createAccessLog(logger: Logger): CallObserver {
  return {
    callEnded(outcome) {
      const level = outcome.code === status.OK ? "info" : levelOf(outcome);
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
          caller: context.caller,
          instance: context.instance,
          keyRing: context.keyRing,
          peer: context.peer,
          refusedIdentity: context.refusedIdentity,
          refusal: refusalOf(outcome),
          upstreamAttempts: attemptLog.attempts,
          upstreamStatus: attemptLog.httpStatus,
          // For a shared request: the ID by which Key Protect's own logs know it.
          upstreamCorrelationId: attemptLog.sentAs,
          mayHaveExecuted: mayHaveExecuted ? true : undefined,
          err: level === "info" || isRejection(outcome) ? undefined : error,
        },
        "call",
      );
    },
  };
}
