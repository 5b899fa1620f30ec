import type { Clock } from "../../platform/clock.ts";
import { callEndedError } from "../error.ts";
import type { Send } from "../layer.ts";
import { Exchange } from "./exchange.ts";
import type { Pool } from "./pool.ts";

/** Settings and dependencies of the transport. */
export interface TransportOptions {
  readonly pool: Pick<Pool, "dispatch" | "fresh">;
  readonly clock: Clock;
  /**
   * How long an exchange may continue after its caller cancelled, before its connection is closed,
   * in milliseconds. Default 250.
   */
  readonly lingerMs?: number | undefined;
  /** Replaces the attempt time-out of each RPC, in milliseconds. */
  readonly attemptTimeoutMs?: number | undefined;
}

/**
 * Creates the innermost step of the pipeline: one HTTP exchange per request. It retries nothing and
 * follows no redirects.
 *
 * Rejects with an `UpstreamError` as soon as the attempt's time is over or the call ends, in
 * whatever state the connection is. `sent` tells whether the request may have reached the upstream.
 * A request that HTTP cannot express is rejected with a plain `Error`.
 */
export function createTransport(options: TransportOptions): Send {
  const { pool, clock, lingerMs = 250, attemptTimeoutMs } = options;
  return (request) =>
    new Promise((resolve, reject) => {
      const { onNewConnection, call } = request;
      const { signal } = call;
      if (signal.aborted) {
        reject(callEndedError(signal, { sent: false }));
        return;
      }
      const times = { attemptMs: attemptTimeoutMs ?? call.rpc.attemptTimeoutMs, lingerMs };
      const exchange = new Exchange(request, { resolve, reject }, clock, times);
      exchange.begin(onNewConnection === true ? pool.fresh : pool);
    });
}
