import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { pipeline } from "./layer.ts";
import type { Layer, Send } from "./layer.ts";
import { createObserve } from "./observe.ts";
import type { UpstreamMeter } from "./observe.ts";
import type { Origin } from "./origin.ts";
import { createPace, type Pace } from "./pace.ts";
import { createPool } from "./pool.ts";
import type { PoolOptions } from "./pool.ts";
import type { QuotaSettings } from "./quota-tracker-settings.ts";
import { createRetry } from "./retry.ts";
import type { Repetition } from "./retry-rule.ts";
import { createTransact } from "./transact.ts";

/** The way to one Key Protect instance. */
export interface Upstream extends AsyncDisposable {
  readonly send: Send;
  /** Absent where nothing is paced. */
  readonly pace: Pick<Pace, "rate" | "scheduler"> | undefined;
  /** Refuses new requests, waits for those under way (each has its attempt's time at most), closes the connections. */
  close(): Promise<void>;
}

/** What the way to an instance is made of. */
export interface UpstreamOptions {
  readonly pool: Omit<PoolOptions, "clock" | "connections"> & { readonly connections: number };
  readonly bearer: Layer;
  /** Shared by all instances on one host. */
  readonly origin: Origin;
  /** Absent: nothing is paced. */
  readonly quota?: QuotaSettings | undefined;
  /** Takes the place of each RPC's own time for one attempt, in milliseconds. */
  readonly attemptTimeoutMs?: number | undefined;
  readonly meter: UpstreamMeter & {
    readonly upstreamRepeated: (kind: Exclude<Repetition, "none">) => void;
  };
  readonly logger: Logger;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Refuses what an open circuit would refuse, before anything is spent on it. */
const createPeek =
  ({ breaks }: Origin): Layer =>
  (next) =>
  (request) => {
    const refusal = breaks.peek(request.call);
    return refusal === undefined ? next(request) : Promise.reject(refusal);
  };

/** Builds the outbound pipeline of one instance. The order is an invariant, outermost first. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const { bearer, origin, quota, attemptTimeoutMs, meter, logger, clock, random } = options;
  const pool = createPool({ ...options.pool, clock });
  const { connections } = options.pool;
  const pace = quota && createPace({ quota, connections, clock, random });
  if (pace !== undefined) {
    origin.listen({
      onOpen: (operations, refusal) =>
        pace.scheduler.flush(
          refusal,
          operations === "data" ? ["interactive"] : ["management", "bulk"],
        ),
      // Not for management alone: what never stopped for its sake must not be slowed down by its return.
      onClose: (operations) => {
        if (operations === "data") pace.ramp();
      },
    });
  }
  const layers: readonly Layer[] = [
    // Outermost, to see what the call sees: every wait and every attempt is inside.
    createObserve({ meter, logger, clock }),
    // An open circuit is told in microseconds, before a place in the queue is taken.
    createPeek(origin),
    // Outside everything that an attempt has to pay for, so that each attempt is counted and paced.
    createRetry({
      clock,
      random,
      budget: origin.budget,
      onRepeat: (_call, repetition) => {
        if (repetition !== "none") meter.upstreamRepeated(repetition);
      },
      readmit:
        pace &&
        ((call) => {
          pace.requeue(call);
          return undefined;
        }),
    }),
    // Before the permit: quota must not run out while IAM is slow.
    bearer,
    // Every attempt pays; waiting here must not look like a slow upstream, hence outside the breaker.
    ...(pace === undefined ? [] : [pace.layer]),
    // Around the exchange alone: sees its failures and time-outs and nothing of the gateway's own refusals.
    origin.breaks.layer,
  ];
  const close = async (): Promise<void> => {
    pace?.close();
    await pool.close();
  };
  return {
    send: pipeline(layers, createTransact({ dispatcher: pool, clock, attemptTimeoutMs })),
    pace,
    close,
    [Symbol.asyncDispose]: close,
  };
}
