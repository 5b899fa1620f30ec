import type { Logger } from "pino";
import { pipeline } from "./layer.ts";
import type { Layer, Send } from "./layer.ts";
import { createObserve } from "./observe.ts";
import type { UpstreamMeter } from "./observe.ts";
import { createPool } from "./pool.ts";
import type { PoolOptions } from "./pool.ts";
import { createTransact } from "./transact.ts";

/** The way to one origin. */
export interface Upstream extends AsyncDisposable {
  readonly send: Send;
  /** Refuses new requests, waits for those under way (each has its attempt's time at most), closes the connections. */
  close(): Promise<void>;
}

/** What the way to an origin is made of. */
export interface UpstreamOptions {
  readonly pool: Omit<PoolOptions, "clock">;
  /** Adds the credential. Absent for IAM itself, whose requests carry their credential in the body. */
  readonly bearer?: Layer | undefined;
  /** Takes the place of each RPC's own time for one attempt, in milliseconds. */
  readonly attemptTimeoutMs?: number | undefined;
  readonly meter: UpstreamMeter;
  readonly logger: Logger;
  readonly clock: PoolOptions["clock"];
}

/**
 * Builds the outbound pipeline of one origin. The order is an invariant, outermost first; the places in parentheses are
 * those where the layers for overload and repetition belong.
 */
export function createUpstream(options: UpstreamOptions): Upstream {
  const { bearer, attemptTimeoutMs, meter, logger, clock } = options;
  const pool = createPool({ ...options.pool, clock });
  const layers: readonly Layer[] = [
    // Outermost, to see what the call sees: every wait and every attempt is inside.
    createObserve({ meter, logger, clock }),
    // (coalesce) Before anything is spent: a read that joins another one costs neither permit nor attempt.
    // (peek)     An open circuit is told in microseconds, before a place in the queue is taken.
    // (admit)    Once per call, not per attempt: bounds, the caller's share, whether the deadline can be met.
    // (retry)    Outside everything that an attempt has to pay for, so that each attempt is counted and paced.
    // Before the permit: quota must not run out while IAM is slow.
    ...(bearer === undefined ? [] : [bearer]),
    // (permit)   Every attempt pays; waiting here must not look like a slow upstream, hence outside the breaker.
    // (break)    Around the exchange alone: sees its failures and time-outs and nothing of the gateway's own refusals.
  ];
  const close = (): Promise<void> => pool.close();
  return {
    send: pipeline(layers, createTransact({ dispatcher: pool, clock, attemptTimeoutMs })),
    close,
    [Symbol.asyncDispose]: close,
  };
}
