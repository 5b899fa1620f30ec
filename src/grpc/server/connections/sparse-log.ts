import type { Logger } from "pino";
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
  const lines = new Map<string, { since: number; times: number }>();
  return (message, fields) => {
    const line = lines.get(message) ?? { since: -Infinity, times: 0 };
    lines.set(message, line);
    line.times += 1;
    if (clock.now() - line.since < intervalMs) return;
    logger.warn({ ...fields, times: line.times }, message);
    line.since = clock.now();
    line.times = 0;
  };
}
