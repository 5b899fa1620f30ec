import type { Clock } from "../../platform/clock.ts";
import { callEndedError } from "../error.ts";
import { Exchange } from "./exchange.ts";
import type { Send } from "../layer.ts";
import type { Pool } from "./pool.ts";

/** What `transact` works with. */
export interface TransportOptions {
  readonly pool: Pick<Pool, "dispatch" | "fresh">;
  readonly clock: Clock;
  /** How long an exchange whose caller cancelled may still take before its connection is given up, in milliseconds. Default 250. */
  readonly lingerMs?: number | undefined;
  /** Takes the place of the RPC's own time for one attempt, in milliseconds. */
  readonly attemptTimeoutMs?: number | undefined;
}

/**
 * The innermost step of the pipeline: exactly one HTTP exchange per call, never repeated, redirects never followed.
 *
 * Rejects with an `UpstreamError` as soon as the attempt's time is over or the call ends, whatever the connection is
 * doing; `sent` tells whether the request may have reached the upstream. A request that HTTP cannot express is a plain
 * `Error`.
 */
export function createTransport(options: TransportOptions): Send {
  const { pool, clock, lingerMs = 250, attemptTimeoutMs } = options;
  return (request) =>
    new Promise((resolve, reject) => {
      const { onNewConnection, call } = request;
      const { signal } = call;
      if (signal.aborted) reject(callEndedError(signal, { sent: false }));
      else {
        const times = {
          attemptMs: attemptTimeoutMs ?? call.rpc.attemptTimeoutMs,
          lingerMs,
        };
        const exchange = new Exchange(request, { resolve, reject }, clock, times);
        exchange.begin(onNewConnection === true ? pool.fresh : pool);
      }
    });
}
