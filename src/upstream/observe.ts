import type { Logger } from "pino";
import type { Clock } from "../platform/clock.ts";
import { UpstreamError } from "./error.ts";
import type { Layer } from "./layer.ts";
import { outcomeOfStatus, type Emit, type UpstreamEvent, type UpstreamOutcome } from "./meter.ts";

const started: UpstreamEvent = { kind: "requestStarted" };

/**
 * Creates the layer that measures each request from entering the pipeline to leaving it. Queueing,
 * retries and token refreshes are included because the call waits for them. It emits
 * `requestStarted` and `requestEnded`, and logs one line per request at level debug, without
 * headers and bodies.
 */
export function createObserve(deps: {
  /** Must not throw. */
  readonly emit: Emit;
  readonly logger: Pick<Logger, "debug" | "isLevelEnabled">;
  readonly clock: Clock;
}): Layer {
  const { emit, logger, clock } = deps;
  return (next) => async (request) => {
    const { call } = request;
    const startedAt = clock.now();
    let outcome: UpstreamOutcome = "DEFECT";
    emit(started);
    try {
      const response = await next(request);
      outcome = outcomeOfStatus(response.status);
      return response;
    } catch (error) {
      if (error instanceof UpstreamError) outcome = error.code;
      throw error;
    } finally {
      const durationMs = clock.now() - startedAt;
      const operation = call.rpc.method;
      emit({ kind: "requestEnded", operation, outcome, seconds: durationMs / 1_000 });
      if (logger.isLevelEnabled("debug")) {
        logger.debug(
          {
            correlationId: call.correlationId,
            operation,
            outcome,
            httpStatus: call.attemptLog.httpStatus,
            attempts: call.attemptLog.attempts,
            durationMs,
          },
          "upstream request",
        );
      }
    }
  };
}
