import { status } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { EndedItems } from "../../platform/attempt-log.ts";
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

function isRejection({ context }: CallOutcome, error: unknown): boolean {
  const reason = error instanceof StatusError ? error.reason : undefined;
  return (
    rejections.has(reason) || (upstreamRefusals.has(reason) && context.attemptLog.attempts === 0)
  );
}

function levelOf({ code, mayHaveExecuted }: CallOutcome): Level {
  if (errors.has(code)) return "error";
  return warnings.has(code) || mayHaveExecuted ? "warn" : "info";
}

type Items = ReadonlyMap<number, EndedItems>;

/** The number of items by the name of their status. */
const countsOf = (items: Items): Readonly<Record<string, number>> =>
  Object.fromEntries([...items].map(([code, { count }]) => [statusName(code), count]));

const statusName = (code: number): string => status[code] ?? String(code);

/** The first error of an item that an operator has to see, the gravest status first. */
function gravestItem(items: Items): { level: Level; error: unknown } | undefined {
  for (const [level, codes] of [
    ["error", errors],
    ["warn", warnings],
  ] as const) {
    for (const [code, { firstError }] of items) {
      if (codes.has(code)) return { level, error: firstError };
    }
  }
  return undefined;
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
 * gateway. A call with many items has the level and the error of the gravest item. No field of a
 * request or response is ever logged.
 */
export function createAccessLog(logger: Logger): CallObserver {
  return {
    callEnded(outcome) {
      const { context, code, reason, durationMs, mayHaveExecuted } = outcome;
      const { attemptLog } = context;
      const { items } = attemptLog;
      const gravest = code === status.OK ? items && gravestItem(items) : undefined;
      const level = code === status.OK ? (gravest?.level ?? "info") : levelOf(outcome);
      if (!logger.isLevelEnabled(level)) return;
      const error = gravest?.error ?? outcome.error;
      logger[level](
        {
          method: context.rpc.path.slice(1),
          code: status[code],
          reason,
          durationMs: Math.round(durationMs * 1_000) / 1_000,
          correlationId: context.correlationId,
          traceId: context.trace?.traceId,
          spanId: context.trace?.spanId,
          uid: context.uid,
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
          items: items && countsOf(items),
          mayHaveExecuted: mayHaveExecuted ? true : undefined,
          err: level === "info" || isRejection(outcome, error) ? undefined : error,
        },
        "call",
      );
    },
  };
}
