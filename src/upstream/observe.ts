import type { Logger } from "pino";
import type { Clock } from "../platform/clock.ts";
import { UpstreamError } from "./error.ts";
import type { UpstreamErrorCode } from "./error.ts";
import type { Layer } from "./layer.ts";

/**
 * How a request to the upstream went: the class of its HTTP status (429 by itself: it is about the gateway's pace, not
 * about the request), the code of its `UpstreamError`, or `DEFECT` for an error of the gateway's own making.
 */
export type UpstreamOutcome = "2xx" | "3xx" | "4xx" | "429" | "5xx" | UpstreamErrorCode | "DEFECT";

/** Counts requests to the upstream. */
export interface UpstreamMeter {
  /** A request is under way. */
  readonly upstreamStarted: () => void;
  /** It ended. `operation` is the RPC it was made for. */
  readonly upstreamEnded: (operation: string, outcome: UpstreamOutcome, seconds: number) => void;
}

/** The outcome of an answer with a status. */
export function outcomeOfStatus(status: number): UpstreamOutcome {
  if (status === 429) return "429";
  if (status < 300) return "2xx";
  if (status < 400) return "3xx";
  return status < 500 ? "4xx" : "5xx";
}

/**
 * Measures every request from the moment it enters the pipeline: queueing, repeats and token refreshes included, since
 * that is what the call waits for. Logs one line at level debug, with neither headers nor bodies.
 */
export function createObserve(deps: {
  readonly meter: UpstreamMeter;
  readonly logger: Pick<Logger, "debug" | "isLevelEnabled">;
  readonly clock: Clock;
}): Layer {
  const { meter, logger, clock } = deps;
  return (next) => async (request) => {
    const { call } = request;
    const startedAt = clock.now();
    let outcome: UpstreamOutcome = "DEFECT";
    meter.upstreamStarted();
    try {
      const response = await next(request);
      outcome = outcomeOfStatus(response.status);
      return response;
    } catch (error) {
      if (error instanceof UpstreamError) outcome = error.code;
      throw error;
    } finally {
      const durationMs = clock.now() - startedAt;
      meter.upstreamEnded(call.rpc.method, outcome, durationMs / 1_000);
      if (logger.isLevelEnabled("debug")) {
        logger.debug(
          {
            correlationId: call.correlationId,
            operation: call.rpc.method,
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
