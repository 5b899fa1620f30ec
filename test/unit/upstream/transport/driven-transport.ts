import { createPool } from "../../../../src/upstream/transport/pool.ts";
import type { Pool, PoolOptions } from "../../../../src/upstream/transport/pool.ts";
import { createTransport } from "../../../../src/upstream/transport/transport.ts";
import type { Send } from "../../../../src/upstream/layer.ts";
import { createDrivenClock } from "../../../support/driven-clock.ts";
import type { DrivenClock } from "../../../support/driven-clock.ts";

/** The transport under test, on a pool of one connection so that requests can wait for it. */
export interface Way extends AsyncDisposable {
  readonly send: Send;
  readonly pool: Pool;
  readonly clock: DrivenClock;
}

/** Creates a transport with a driven clock and real sockets. */
export function wayTo(origin: string, options: Partial<PoolOptions> = {}): Way {
  const clock = createDrivenClock();
  const pool = createPool({ origin, connections: 1, clock, ...options });
  return {
    send: createTransport({ pool, clock }),
    pool,
    clock,
    async [Symbol.asyncDispose]() {
      const closed = pool[Symbol.asyncDispose]();
      // Closing waits for a connection that is being set up, until the connect time-out.
      await clock.advance(1_000);
      await closed;
    },
  };
}
