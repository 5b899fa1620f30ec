/** The outbound pipeline of one Key Protect instance: its layers, in order, and their assembly. */
import type { Logger } from "pino";
import type { Clock } from "../platform/clock.ts";
import { createBatchResponses } from "./batch-responses.ts";
import { createCoalesce, type CoalesceOptions } from "./coalesce/coalesce.ts";
import type { UpstreamHost } from "./host.ts";
import {
  pipeline,
  type IsOwnError,
  type Layer,
  type Send,
  type UpstreamCall,
  type UpstreamRequest,
} from "./layer.ts";
import { guardEmit, ignoreEvents, type Emit } from "./meter.ts";
import { createObserve } from "./observe.ts";
import type { QueueBounds } from "./rate-limit/queue/queue-limits.ts";
import { createRateLimit, type RateLimit, type RateLimitOptions } from "./rate-limit/rate-limit.ts";
import { createRetry } from "./retry/retry.ts";
import { readPipelineState, type UpstreamState } from "./state.ts";
import { createPool, type PoolOptions } from "./transport/pool.ts";
import { createTransport } from "./transport/transport.ts";

/**
 * The layers of the pipeline, outermost first. Each RPC has a pipeline of those that it needs, in
 * this order. The order is an invariant; each comment says why its layer is where it is.
 */
export const outboundLayers = [
  // Outermost: no layer inside waits for the end of a turn to release its place, permit or outcome.
  "batch-responses",
  // Sees what the call sees: every wait and every attempt is inside.
  "observe",
  // Outside everything that costs: calls that share a request use one place, permit and token. Only
  // RPCs that share requests, or change what others share, have it.
  "coalesce",
  // Rejects in microseconds while the circuit is open, before a place in the queue is taken.
  "reject-if-open",
  // Outside everything that an attempt uses, so that each attempt is counted and rate-limited.
  "retry",
  // Before the rate limit: no quota is lost while IAM is slow.
  "bearer-token",
  // Each attempt uses one permit. Outside the breaker: waiting here is not a slow upstream.
  "rate-limit",
  // Around the exchange alone: sees its failures and time-outs, and no rejection of the gateway.
  "circuit-breaker",
  // A span for what the exchange takes, without the waits before. Only if traces are on.
  "trace",
  // Makes the HTTP exchange.
  "transport",
] as const;

/** The pipeline to one Key Protect instance. */
export interface Upstream extends AsyncDisposable {
  readonly send: Send;
  readonly rateLimit: Pick<
    RateLimit,
    "rate" | "scheduler" | "permits" | "adaptiveRate" | "applyRate"
  >;
  /** Reads the present state. */
  readonly state: () => UpstreamState;
  /**
   * Rejects new requests, waits for those in progress (for the time of an attempt at most), and
   * closes the connections.
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Settings and dependencies of one pipeline. */
export interface UpstreamOptions {
  readonly pool: Omit<PoolOptions, "clock" | "connections" | "emit"> & {
    readonly connections: number;
  };
  /** The layer `bearer-token`. */
  readonly bearer: Layer;
  /** Tells the upstream's own error responses from a proxy's. Default: none is its own. */
  readonly isOwnError?: IsOwnError | undefined;
  /** Shared by all instances on one host. */
  readonly host: UpstreamHost;
  /** Absent: only the number of connections limits the requests. */
  readonly quota?: RateLimitOptions["quota"];
  readonly share?: RateLimitOptions["share"];
  readonly queue?: Partial<QueueBounds> | undefined;
  /** Default: that of the retry layer. */
  readonly maxAttempts?: number | undefined;
  /** Default: no requests are shared. */
  readonly coalesce?: Omit<CoalesceOptions, "emit"> | undefined;
  /** The layer `trace`. Default: there is none. */
  readonly trace?: Layer | undefined;
  /** Replaces the attempt time-out of each RPC, in milliseconds. */
  readonly attemptTimeoutMs?: number | undefined;
  /** Gets every event of the pipeline. Exceptions are logged. Default: events are ignored. */
  readonly emit?: Emit | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

type LayerName = Exclude<(typeof outboundLayers)[number], "transport">;

const isLayer = (name: (typeof outboundLayers)[number]): name is LayerName => name !== "transport";

/** The layers of one RPC. One that it does not need, or that is switched off, is absent. */
type LayersOf = (rpc: UpstreamCall["rpc"]) => Readonly<Record<LayerName, Layer | undefined>>;

/** Assembles the pipeline of each RPC when its first request comes. */
function sendByRpc(layersOf: LayersOf, transport: Send): Send {
  const sends = new WeakMap<UpstreamCall["rpc"], Send>();
  const assemble = (rpc: UpstreamCall["rpc"]): Send => {
    const layers = layersOf(rpc);
    const needed = outboundLayers.filter(isLayer).flatMap((name) => layers[name] ?? []);
    const send = pipeline(needed, transport);
    sends.set(rpc, send);
    return send;
  };
  return (request: UpstreamRequest) => {
    const { rpc } = request.call;
    return (sends.get(rpc) ?? assemble(rpc))(request);
  };
}

/** Flushes the queue when a circuit opens, and restarts slowly when the data circuit closes. */
const followCircuits = (host: UpstreamHost, rateLimit: RateLimit): void =>
  host.listen({
    onOpen: (operations, rejection) =>
      rateLimit.scheduler.flush(
        rejection,
        operations === "data" ? ["interactive"] : ["management", "bulk"],
      ),
    onClose(operations) {
      // The data calls went on while the management circuit was open; its closing must not slow
      // them.
      if (operations === "data") rateLimit.slowRestart();
    },
  });

/** Creates the outbound pipeline of one instance. Nothing is connected before the first request. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const { host, quota, attemptTimeoutMs, logger, clock, random } = options;
  const { connections } = options.pool;
  const emit = guardEmit(options.emit ?? ignoreEvents, logger);
  const pool = createPool({ ...options.pool, emit, clock });
  const rateLimit = createRateLimit({
    quota,
    share: options.share,
    connections,
    bounds: options.queue,
    emit,
    clock,
    random,
  });
  followCircuits(host, rateLimit);
  const coalesce = options.coalesce && createCoalesce({ ...options.coalesce, emit });
  const shared = {
    "batch-responses": createBatchResponses(),
    observe: createObserve({ emit, logger, clock }),
    retry: createRetry({
      clock,
      random,
      budget: host.retryBudget,
      emit,
      maxAttempts: options.maxAttempts,
      isOwnError: options.isOwnError,
      // Without a quota no layer inside waits for the upstream's `Retry-After`; the retry layer
      // does.
      hasQueue: quota !== undefined,
    }),
    "bearer-token": options.bearer,
    "rate-limit": rateLimit.layer,
    trace: options.trace,
  };
  const layersOf: LayersOf = (rpc) => {
    const breaker = host.circuitBreakers?.of(rpc);
    return {
      ...shared,
      coalesce: coalesce?.(rpc),
      "reject-if-open": breaker?.rejectIfOpen,
      "circuit-breaker": breaker?.layer,
    };
  };
  return {
    send: sendByRpc(layersOf, createTransport({ pool, clock, attemptTimeoutMs })),
    rateLimit,
    state: () => readPipelineState({ rateLimit, pool, connections, host, clock }),
    async [Symbol.asyncDispose]() {
      rateLimit.close();
      await pool[Symbol.asyncDispose]();
    },
  };
}
