/**
 * A snapshot of one instance's outbound pipeline, for `/state` and the gauges. No caller's text.
 */
import type { Clock } from "../platform/clock.ts";
import type { PriorityClass } from "../rpc-table.ts";
import type { OperationClass } from "./circuit-breaker/breakers.ts";
import type { CircuitBreaker } from "./circuit-breaker/circuit-breaker.ts";
import type { UpstreamHost } from "./host.ts";
import type { RatePhase } from "./rate-limit/adaptive/rate-state.ts";
import type { RateLimit } from "./rate-limit/rate-limit.ts";
import type { Pool } from "./transport/pool.ts";

/** The state of one instance's outbound pipeline. */
export interface UpstreamState {
  readonly rate: {
    /** Requests per second that are let through; absent while the rate is not limited. */
    readonly perSecond: number | undefined;
    /** The highest rate that Key Protect has accepted; absent while the rate is not limited. */
    readonly safePerSecond: number | undefined;
    /** The phase of the adaptive rate. */
    readonly phase: RatePhase | "unpaced";
    /** Milliseconds for which no request will be sent; absent if there is no pause. */
    readonly pausedForMs: number | undefined;
  };
  /** Requests that could be sent at this moment without waiting. */
  readonly permitsReady: number;
  readonly connections: {
    /** Requests that occupy a connection. */
    readonly inFlight: number;
    readonly open: number;
    /** The upper limit of connections. */
    readonly most: number;
  };
  readonly queue: Readonly<Record<PriorityClass, number>> & {
    /** Callers with a call in the queue. */
    readonly callers: number;
  };
  /** Shared by all instances on one host; absent if circuit breakers are off. */
  readonly circuits:
    | Readonly<Record<OperationClass, Pick<CircuitBreaker, "state" | "retryInMs">>>
    | undefined;
  /** Retries that could be made now; shared by all instances on one host. */
  readonly retryBudget: number;
}

/** The parts of a pipeline that are read. */
export interface PipelineParts {
  readonly rateLimit: Pick<RateLimit, "scheduler" | "permits" | "adaptiveRate" | "rate">;
  readonly pool: Pick<Pool, "connected">;
  readonly connections: number;
  readonly host: Pick<UpstreamHost, "circuitBreakers" | "retryBudget">;
  readonly clock: Pick<Clock, "now">;
}

const finite = (value: number | undefined): number | undefined =>
  value !== undefined && Number.isFinite(value) ? value : undefined;

const circuitOf = ({
  state,
  retryInMs,
}: CircuitBreaker): Pick<CircuitBreaker, "state" | "retryInMs"> => ({ state, retryInMs });

/** Reads the present state. Changes nothing. */
export function readPipelineState(parts: PipelineParts): UpstreamState {
  const { rateLimit, pool, connections, host, clock } = parts;
  const { scheduler, permits, adaptiveRate, rate } = rateLimit;
  const breakers = host.circuitBreakers?.byClass;
  const perSecond = finite(rate);
  const pausedForMs = permits.pausedUntil - clock.now();
  return {
    rate: {
      perSecond,
      safePerSecond: finite(adaptiveRate?.safeRate),
      phase: perSecond === undefined ? "unpaced" : (adaptiveRate?.phase ?? "unpaced"),
      pausedForMs: pausedForMs > 0 ? pausedForMs : undefined,
    },
    permitsReady: permits.ready,
    connections: { inFlight: permits.inFlight, open: pool.connected, most: connections },
    queue: {
      interactive: scheduler.queuedBy("interactive"),
      management: scheduler.queuedBy("management"),
      bulk: scheduler.queuedBy("bulk"),
      callers: scheduler.callers,
    },
    circuits: breakers && {
      data: circuitOf(breakers.data),
      management: circuitOf(breakers.management),
    },
    retryBudget: host.retryBudget.balance,
  };
}
