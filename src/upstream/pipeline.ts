import type { Logger } from "pino";
import type { Clock } from "../platform/clock.ts";
import type { Break } from "./circuit-breaker/breakers.ts";
import { createCoalesce, type CoalesceOptions } from "./coalesce/coalesce.ts";
import { createBatchResponses } from "./batch-responses.ts";
import { pipeline } from "./layer.ts";
import type { Layer, Send } from "./layer.ts";
import { guardMeter, type PipelineMeter } from "./meter.ts";
import { createObserve } from "./observe.ts";
import type { UpstreamHost } from "./host.ts";
import type { ShareWatch } from "./rate-limit/outcome-observer.ts";
import { createRateLimit, type RateLimit, type RateLimitOptions } from "./rate-limit/rate-limit.ts";
import { readPipelineState, type UpstreamState } from "./state.ts";
import { createPool } from "./transport/pool.ts";
import type { PoolOptions } from "./transport/pool.ts";
import { createRetry } from "./retry/retry.ts";
import type { QueueBounds } from "./rate-limit/queue/queue-limits.ts";
import { createTransport } from "./transport/transport.ts";

/** The way to one Key Protect instance. */
export interface Upstream extends AsyncDisposable {
  readonly send: Send;
  readonly rateLimit: Pick<
    RateLimit,
    "rate" | "scheduler" | "permits" | "adaptiveRate" | "applyRate"
  >;
  /** Reads what it is doing at this moment. */
  readonly state: () => UpstreamState;
  /** Refuses new requests, waits for those under way (each has its attempt's time at most), closes the connections. */
  close(): Promise<void>;
}

/** What the way to an instance is made of. */
export interface UpstreamOptions {
  readonly pool: Omit<PoolOptions, "clock" | "connections" | "meter"> & {
    readonly connections: number;
  };
  readonly bearer: Layer;
  /** Shared by all instances on one host. */
  readonly origin: UpstreamHost;
  /** Absent: nothing bounds what is sent but the connections. */
  readonly quota?: RateLimitOptions["quota"];
  readonly share?: ShareWatch | undefined;
  readonly queue?: Partial<QueueBounds> | undefined;
  /** Default: that of the retries. */
  readonly maxAttempts?: number | undefined;
  /** Default: nothing is shared. */
  readonly coalesce?: Omit<CoalesceOptions, "onJoin"> | undefined;
  /** Takes the place of each RPC's own time for one attempt, in milliseconds. */
  readonly attemptTimeoutMs?: number | undefined;
  /** What it throws is logged and disturbs nothing. */
  readonly meter: Partial<PipelineMeter>;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Refuses what an open circuit would refuse, before anything is spent on it. */
const createPeek =
  (breaks: Break): Layer =>
  (next) =>
  (request) => {
    const refusal = breaks.peek(request.call);
    return refusal === undefined ? next(request) : Promise.reject(refusal);
  };

/** Builds the outbound pipeline of one instance. The order is an invariant, outermost first. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const { bearer, origin, quota, coalesce, attemptTimeoutMs, logger, clock, random } = options;
  const meter = guardMeter(options.meter, (error) =>
    logger.error({ err: error }, "a metric could not be counted"),
  );
  const { breaks } = origin;
  const pool = createPool({ ...options.pool, meter, clock });
  const { connections } = options.pool;
  const rateLimit = createRateLimit({
    quota,
    share: options.share,
    connections,
    bounds: options.queue,
    meter,
    clock,
    random,
  });
  origin.listen({
    onOpen: (operations, refusal) =>
      rateLimit.scheduler.flush(
        refusal,
        operations === "data" ? ["interactive"] : ["management", "bulk"],
      ),
    // Not for management alone: what never stopped for its sake must not be slowed down by its return.
    onClose: (operations) => {
      if (operations === "data") rateLimit.slowRestart();
    },
  });
  const layers: readonly Layer[] = [
    // Outermost, so that nothing inside waits for the end of a turn: places, permits and evidence count at once.
    createBatchResponses(),
    // To see what the call sees: every wait and every attempt is inside.
    createObserve({ meter, logger, clock }),
    // Outside all that costs: those who share an exchange take one place, one permit and one token together.
    ...(coalesce === undefined
      ? []
      : [createCoalesce({ ...coalesce, onJoin: meter.upstreamShared })]),
    // An open circuit is told in microseconds, before a place in the queue is taken.
    ...(breaks === undefined ? [] : [createPeek(breaks)]),
    // Outside everything that an attempt has to pay for, so that each attempt is counted and paced.
    createRetry({
      clock,
      random,
      budget: origin.budget,
      onRepeat: (_call, repetition) => {
        if (repetition !== "none") meter.upstreamRepeated(repetition);
      },
      maxAttempts: options.maxAttempts,
      // Where no quota is kept, nothing but the call itself heeds the upstream's `Retry-After`.
      hasQueue: quota !== undefined,
    }),
    // Before the permit: quota must not run out while IAM is slow.
    bearer,
    // Every attempt pays; waiting here must not look like a slow upstream, hence outside the breaker.
    rateLimit.layer,
    // Around the exchange alone: sees its failures and time-outs and nothing of the gateway's own refusals.
    ...(breaks === undefined ? [] : [breaks.layer]),
  ];
  const close = async (): Promise<void> => {
    rateLimit.close();
    await pool.close();
  };
  return {
    send: pipeline(layers, createTransport({ pool, clock, attemptTimeoutMs })),
    rateLimit,
    state: () => readPipelineState({ rateLimit, pool, connections, origin, clock }),
    close,
    [Symbol.asyncDispose]: close,
  };
}
