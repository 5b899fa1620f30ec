/** Logs that spans do not reach the collector: seldom, and without texts of the collector. */
import type { Logger } from "pino";
import type { Clock } from "../platform/clock.ts";

/** Why spans were not accepted. */
export interface SpanFailure {
  /**
   * A code of the system such as `ECONNREFUSED`; `REFUSED`: see `httpStatus`; `UNAVAILABLE`: no
   * success in time, also by repeats.
   */
  readonly code: string;
  readonly httpStatus: number | undefined;
}

/** Counts spans that were lost. */
export type LogLostSpans = (spans: number, failure: SpanFailure) => void;

/** Time between two lines, in milliseconds. */
const intervalMs = 60_000;

/** Creates the log of lost spans: at most one line in a minute, which counts those before it. */
export function createExportLog(logger: Pick<Logger, "warn">, clock: Clock): LogLostSpans {
  let lost = 0;
  let loggedAt = Number.NEGATIVE_INFINITY;
  return (spans, { code, httpStatus }) => {
    lost += spans;
    const now = clock.now();
    if (now - loggedAt < intervalMs) return;
    logger.warn({ code, httpStatus, spans: lost }, "spans did not reach the collector");
    loggedAt = now;
    lost = 0;
  };
}
