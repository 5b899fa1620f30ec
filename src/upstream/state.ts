/** What the way to one instance is doing at this moment, for people and dashboards. Nothing that a caller wrote is in it. */
import type { Clock } from "../platform/clock.ts";
import type { PriorityClass } from "../rpc-table.ts";
import type { OperationClass } from "./circuit-breaker/breakers.ts";
import type { Breaker } from "./circuit-breaker/circuit-breaker.ts";
import type { RateLimit } from "./rate-limit/rate-limit.ts";
import type { Pool } from "./transport/pool.ts";
import type { UpstreamHost } from "./host.ts";
import type { RatePhase } from "./rate-limit/adaptive/rate-state.ts";

/** A reading of one instance's outbound pipeline. */
export interface UpstreamState {
  readonly rate: {
    /** Requests per second that are let through; absent as long as nothing is paced. */
    readonly perSecond: number | undefined;
    /** The highest rate that has stood its test; absent as long as nothing is paced. */
    readonly safePerSecond: number | undefined;
    /** What the rate law is doing. */
    readonly phase: RatePhase | "unpaced";
    /** Milliseconds for which nothing will be sent; absent if there is no pause. */
    readonly pausedForMs: number | undefined;
  };
  /** Requests that could be sent at this moment without waiting. */
  readonly permitsReady: number;
  readonly connections: {
    /** Requests that occupy one. */
    readonly inFlight: number;
    readonly open: number;
    /** As many as there may be. */
    readonly most: number;
  };
  readonly queue: Readonly<Record<PriorityClass, number>> & {
    /** Callers with a call that waits. */
    readonly callers: number;
  };
  /** Shared by all instances on one host; absent where nothing is ever broken off. */
  readonly circuits:
    | Readonly<Record<OperationClass, Pick<Breaker, "state" | "retryInMs">>>
    | undefined;
  /** Repeats that could be made now; shared by all instances on one host. */
  readonly retryBudget: number;
}

/** What is read. */
export interface PipelineParts {
  readonly rateLimit: Pick<RateLimit, "scheduler" | "permits" | "adaptiveRate" | "rate">;
  readonly pool: Pick<Pool, "connected">;
  readonly connections: number;
  readonly origin: Pick<UpstreamHost, "breaks" | "budget">;
  readonly clock: Pick<Clock, "now">;
}

const finite = (value: number | undefined): number | undefined =>
  value !== undefined && Number.isFinite(value) ? value : undefined;

const circuitOf = ({ state, retryInMs }: Breaker): Pick<Breaker, "state" | "retryInMs"> => ({
  state,
  retryInMs,
});

/** Reads the present state. Changes nothing. */
export function readPipelineState(parts: PipelineParts): UpstreamState {
  const { rateLimit, pool, connections, origin, clock } = parts;
  const { scheduler, permits, adaptiveRate, rate } = rateLimit;
  const breakers = origin.breaks?.breakers;
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
    retryBudget: origin.budget.balance,
  };
}
