import type { Logger } from "pino";
import { createLogThrottle } from "../../../platform/logging/log-throttle.ts";
import type { Clock } from "../../../platform/clock.ts";

/** Time between two lines of one text, in milliseconds. */
const intervalMs = 10_000;

/**
 * Creates a logger for events that a peer can cause at will: at most one warning of each text in
 * ten seconds. `times` says how often it happened since the last line.
 */
export function createSparseLog(
  logger: Pick<Logger, "warn">,
  clock: Pick<Clock, "now">,
): (message: string, fields: object) => void {
  const due = createLogThrottle({ clock, quietMs: intervalMs });
  return (message, fields) => {
    const times = due(message);
    if (times > 0) logger.warn({ ...fields, times }, message);
  };
}
