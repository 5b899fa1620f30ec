/** The log of the connection to Redis. */
import type { Logger } from "pino";
import { createLogThrottle } from "../platform/logging/log-throttle.ts";
import type { Clock } from "../platform/clock.ts";
import type { RedisError } from "./error.ts";

/** Logs when Redis becomes unreachable and when it is reachable again, not every failed command. */
export interface ConnectionLog {
  /** Logs the connection, unless the latest line already says so. */
  connected(this: void): void;
  /** Counts a failure and logs it, at most one line per error code, reason and minute. */
  failed(this: void, error: RedisError): void;
  /** Logs a weakness of the connection that is no failure, at most once per line and minute. */
  noted(this: void, line: string): void;
}

/** Dependencies of a connection log. */
export interface ConnectionLogDeps {
  readonly logger: Logger;
  readonly clock: Clock;
  /** Called for every failure, logged or not. Must not throw. */
  readonly onFault?: ((error: RedisError) => void) | undefined;
}

/** Each error is logged at most once in this time, in milliseconds. */
const quietMs = 60_000;

/** Creates the log of one connection that is not connected yet. */
export function createConnectionLog({ logger, clock, onFault }: ConnectionLogDeps): ConnectionLog {
  // Lines are from a closed set.
  const due = createLogThrottle({ clock, quietMs });
  let isSaidToBeBack = false;

  return {
    connected() {
      if (!isSaidToBeBack) logger.info("connected to Redis");
      isSaidToBeBack = true;
    },
    failed(error) {
      onFault?.(error);
      // A command without a connection. The reason was logged when the connection failed.
      if (error.code === "UNREACHABLE" && !error.sent) return;
      // After `FAILED` the reason may be any word of a script.
      if (due(error.code === "FAILED" ? error.code : error.message) === 0) return;
      isSaidToBeBack = false;
      logger.warn({ code: error.code, reason: error.reason }, error.message);
    },
    noted(line) {
      if (due(line) > 0) logger.warn(line);
    },
  };
}
