/** The last calls that failed. */
import { status } from "@grpc/grpc-js";
import type { CallOutcome } from "../../grpc/call/call-observer.ts";
import type { FailedCall } from "../messages.ts";

/** A bounded list of failed calls. */
export interface Failures {
  /** Adds a call; the oldest one is dropped if there are too many. */
  add(outcome: CallOutcome, at: number): void;
  /** The calls that were added after the one with this ID, the newest last. Default: all. */
  since(id?: number): readonly FailedCall[];
  /** Number of calls that were ever added, which is the ID of the newest one. */
  readonly count: number;
}

/** Creates an empty list of at most `most` calls. */
export function createFailures(most: number, namesCallers: boolean): Failures {
  /** A ring: the call with the ID n is at (n - 1) mod `most`. */
  const calls: FailedCall[] = [];
  let count = 0;
  return {
    add({ context, code, reason, durationMs }, at) {
      count += 1;
      const { attempts, httpStatus } = context.attemptLog;
      calls[(count - 1) % most] = {
        id: count,
        at,
        method: context.rpc.method,
        code: status[code],
        reason: reason ?? "",
        instance: context.instance,
        durationMs: Math.round(durationMs * 10) / 10,
        attempts,
        upstreamStatus: httpStatus ?? null,
        correlationId: context.correlationId,
        ...(namesCallers ? { caller: context.caller } : {}),
      };
    },
    since(id = 0) {
      const first = Math.max(id, count - most);
      return Array.from({ length: count - first }, (_, at) => calls[(first + at) % most]).filter(
        (call) => call !== undefined,
      );
    },
    get count() {
      return count;
    },
  };
}
