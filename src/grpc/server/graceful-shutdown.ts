/** The graceful shutdown of a server. */
import type { Server } from "@grpc/grpc-js";
import { once } from "node:events";
import type { Logger } from "pino";
import type { Clock } from "../../platform/clock.ts";
import { settlesWithin } from "../../platform/sleep.ts";
import type { ActiveCalls } from "../call/active-calls.ts";
import type { Health } from "./health.ts";

/** Durations of a graceful shutdown (settings `GATEWAY_DRAIN_*`). */
export interface DrainTimes {
  /** Time during which the server still serves after health is NOT_SERVING, in milliseconds. */
  readonly delayMs: number;
  /** Time after `delayMs` until active calls are ended, in milliseconds. */
  readonly graceMs: number;
}

/** Options of `createGracefulShutdown`. */
export interface GracefulShutdownOptions extends DrainTimes {
  readonly server: Pick<Server, "tryShutdown" | "forceShutdown">;
  readonly health: Pick<Health, "shutdown">;
  readonly activeCalls: Pick<ActiveCalls, "count" | "refuseNew" | "cancelAll">;
  /** Ends long-lived streams other than health watches. */
  readonly endStreams: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The shutdown of a server. It runs once. */
export interface GracefulShutdown {
  /** Shuts down gracefully. Resolves when the server has stopped. A second call joins the first. */
  drain(): Promise<void>;
  /** Shuts down without delay and grace period, or ends those that have begun. */
  close(): Promise<void>;
}

/** Time to send the answers of ended calls, in milliseconds. */
const flushMs = 1_000;

/**
 * Creates the graceful shutdown of a server. Its steps:
 *
 * 1. Health becomes NOT_SERVING and its watches end.
 * 2. The server still serves for `delayMs`, so that load balancers can react.
 * 3. The listeners close, new calls are rejected, and active calls have `graceMs` to finish.
 * 4. Remaining calls are ended with a typed answer.
 * 5. Remaining connections are destroyed.
 */
export function createGracefulShutdown(options: GracefulShutdownOptions): GracefulShutdown {
  const { server, health, activeCalls, clock, logger } = options;
  const hurry = new AbortController();
  const hurried = once(hurry.signal, "abort");
  let running: Promise<void> | undefined;

  const run = async (): Promise<void> => {
    logger.info({ delayMs: options.delayMs, graceMs: options.graceMs }, "draining");
    health.shutdown();
    await settlesWithin(clock, options.delayMs, hurried);

    activeCalls.refuseNew();
    options.endStreams();
    let isClosed = false;
    const closed = new Promise<void>((resolve) => {
      server.tryShutdown(() => {
        isClosed = true;
        resolve();
      });
    });
    await settlesWithin(clock, options.graceMs, Promise.race([closed, hurried]));

    if (!isClosed) {
      logger.warn({ calls: activeCalls.count }, "ending active calls");
      activeCalls.cancelAll("shutdown");
      await settlesWithin(clock, flushMs, closed);
      server.forceShutdown();
      // A connection during its TLS handshake is not a session yet. Without this limit the shutdown
      // would wait until the handshake times out.
      await settlesWithin(clock, flushMs, closed);
    }
    logger.info("drained");
  };

  const drain = (): Promise<void> => (running ??= run());
  return {
    drain,
    close() {
      hurry.abort();
      return drain();
    },
  };
}
