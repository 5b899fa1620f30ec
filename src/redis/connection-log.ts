import type { Logger } from "pino";
import type { Clock } from "../platform/clock.ts";
import type { RedisError, RedisErrorCode } from "./redis-error.ts";

/** Says that Redis is away and that it is back, however many commands fail in between. */
export interface ConnectionLog {
  connected(this: void): void;
  failed(this: void, error: RedisError): void;
}

/** What a fault log is kept with. */
export interface ConnectionLogDeps {
  readonly logger: Logger;
  readonly clock: Clock;
  /** Told of every fault, logged or not. */
  readonly onFault?: ((error: RedisError) => void) | undefined;
}

/** Each kind of fault is logged once in this time. */
const quietMs = 60_000;

/** Starts with Redis not reached yet and nothing said. */
export function createConnectionLog({ logger, clock, onFault }: ConnectionLogDeps): ConnectionLog {
  const loggedAt = new Map<RedisErrorCode, number>();
  let isSaidToBeBack = false;
  return {
    connected() {
      if (!isSaidToBeBack) logger.info("connected to Redis");
      isSaidToBeBack = true;
    },
    failed(error) {
      onFault?.(error);
      // A command that found no connection: why there is none has been said when it failed.
      if (error.code === "UNREACHABLE" && !error.sent) return;
      const last = loggedAt.get(error.code);
      if (last !== undefined && clock.now() - last < quietMs) return;
      loggedAt.set(error.code, clock.now());
      isSaidToBeBack = false;
      logger.warn({ code: error.code, reason: error.reason }, error.message);
    },
  };
}
