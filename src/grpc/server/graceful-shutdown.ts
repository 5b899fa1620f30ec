import type { Server } from "@grpc/grpc-js";
import { once } from "node:events";
import type { Logger } from "pino";
import type { Clock, Timer } from "../../platform/clock.ts";
import type { ActiveCalls } from "../call/active-calls.ts";
import type { Health } from "./health.ts";

/** How long a server takes to stop. */
export interface DrainTimes {
  /** Serving goes on for this long after health has turned NOT_SERVING, in milliseconds. */
  readonly delayMs: number;
  /** Calls in flight are ended after this long, in milliseconds, counted from the end of `delayMs`. */
  readonly graceMs: number;
}

/** What a drain works on. */
export interface DrainOptions extends DrainTimes {
  readonly server: Pick<Server, "tryShutdown" | "forceShutdown">;
  readonly health: Pick<Health, "shutdown">;
  readonly activeCalls: Pick<ActiveCalls, "count" | "refuseNew" | "cancelAll">;
  /** Ends the long-lived streams other than health watches. */
  readonly endStreams: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The one way down of a server. */
export interface Drain {
  /** Stops the server and resolves when it has stopped. A second call joins the first. */
  drain(): Promise<void>;
  /** Cuts the delay and the grace short, or drains without either. */
  close(): Promise<void>;
}

/** For the answers of calls that have been ended to get onto the wire, in milliseconds. */
const flushMs = 1_000;

/**
 * Creates the drain of a server: health turns NOT_SERVING and its watchers are ended; serving goes on while load balancers
 * take notice; the listeners close and new calls are refused while calls in flight finish; calls that outlast the grace are
 * ended with a typed answer; what is then still connected is cut off.
 */
export function createDrain(options: DrainOptions): Drain {
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
      logger.warn({ calls: activeCalls.count }, "ending what is still in flight");
      activeCalls.cancelAll("shutdown");
      await settlesWithin(clock, flushMs, closed);
      server.forceShutdown();
      // A connection in the middle of its TLS handshake is no session yet, and would be waited for until the handshake times out.
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

/** Resolves when a promise that never rejects settles, or after `ms` milliseconds. */
async function settlesWithin(clock: Clock, ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: Timer | undefined;
  const late = new Promise<void>((resolve) => {
    timer = clock.after(ms, resolve);
  });
  await Promise.race([promise, late]);
  timer?.cancel();
}
