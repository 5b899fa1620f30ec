import { status } from "@grpc/grpc-js";
import type { CallOutcome } from "../../../src/grpc/call/call-observer.ts";
import { callContext } from "../../support/call-context.ts";

/** How a call is to end; all of it has a default. */
export interface Ended {
  readonly caller?: string;
  readonly instance?: string;
  readonly attempts?: number;
  readonly code?: status;
  readonly correlationId?: string;
}

/** The end of a WrapKey call. */
export const outcome = (ended: Ended = {}): CallOutcome => ({
  context: callContext("WrapKey", {
    caller: ended.caller ?? "anonymous",
    instance: ended.instance ?? "default",
    attemptLog: { attempts: ended.attempts ?? 1, httpStatus: 503 },
    ...(ended.correlationId === undefined ? {} : { correlationId: ended.correlationId }),
  }),
  code: ended.code ?? status.OK,
  reason: ended.code === undefined ? undefined : "UPSTREAM_UNAVAILABLE",
  durationMs: 12.345,
  mayHaveExecuted: false,
  error: undefined,
});
