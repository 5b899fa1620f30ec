import { createPool } from "../../../../src/upstream/transport/pool.ts";
import type { Pool, PoolOptions } from "../../../../src/upstream/transport/pool.ts";
import { createTransport } from "../../../../src/upstream/transport/transport.ts";
import type { Send } from "../../../../src/upstream/layer.ts";
import { createDrivenClock } from "../../../support/driven-clock.ts";
import type { DrivenClock } from "../../../support/driven-clock.ts";

/** The transport under test, on a pool of one connection so that waiting for a connection can be provoked. */
export interface Way extends AsyncDisposable {
  readonly send: Send;
  readonly pool: Pool;
  readonly clock: DrivenClock;
}

/** A transport to an origin; its time is driven, its sockets are real. */
export function wayTo(origin: string, options: Partial<PoolOptions> = {}): Way {
  const clock = createDrivenClock();
  const pool = createPool({ origin, connections: 1, clock, ...options });
  return {
    send: createTransport({ pool, clock }),
    pool,
    clock,
    async [Symbol.asyncDispose]() {
      const closed = pool[Symbol.asyncDispose]();
      // A connection that is still being set up is waited for, at most as long as that may take.
      await clock.advance(1_000);
      await closed;
    },
  };
}
