/** Logs that spans do not reach the collector: seldom, and without texts of the collector. */
import type { Logger } from "pino";
import type { Clock } from "../platform/clock.ts";
import { createLogThrottle } from "../platform/logging/log-throttle.ts";

/** Why spans were not accepted. */
export interface SpanFailure {
  /**
   * A code of the system such as `ECONNREFUSED`; `REFUSED`: see `httpStatus`; `UNAVAILABLE`: no
   * success in time, also by repeats.
   */
  readonly code: string;
  readonly httpStatus: number | undefined;
}

/** Logs a request to the collector whose spans are lost. */
export type LogLostSpans = (failure: SpanFailure) => void;

/** Creates the log of lost spans: at most one line of each cause in a minute. */
export function createExportLog(logger: Pick<Logger, "warn">, clock: Clock): LogLostSpans {
  const throttle = createLogThrottle({ clock, quietMs: 60_000, maxKinds: 16 });
  return ({ code, httpStatus }) => {
    const times = throttle(`${code} ${httpStatus}`);
    if (times === 0) return;
    logger.warn({ code, httpStatus, times }, "spans did not reach the collector");
  };
}
