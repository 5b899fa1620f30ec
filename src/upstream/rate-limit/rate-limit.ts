/**
 * The layer that makes every attempt wait for a permit, and learns the quota from the responses.
 */
import type { Clock } from "../../platform/clock.ts";
import { parseRetryAfter } from "../../platform/http-date.ts";
import type { PriorityClass } from "../../rpc-table.ts";
import { callEndedError, UpstreamError } from "../error.ts";
import type { Layer, UpstreamCall, UpstreamResponse } from "../layer.ts";
import { ignoreEvents, outcomeOfStatus, type Emit, type UpstreamEvent } from "../meter.ts";
import { createAdaptiveRate } from "./adaptive/adaptive-rate.ts";
import type { AdaptiveRate } from "./adaptive/rate-state.ts";
import type { QuotaSettings } from "./adaptive/settings.ts";
import { createLatencyEstimate } from "./latency-estimate.ts";
import {
  type ConcurrencyLimit,
  createConcurrencyLimit,
  type NextTurn,
} from "./permits/concurrency-limit.ts";
import { createRateLimiter } from "./permits/rate-limiter.ts";
import type { QueueBounds } from "./queue/queue-limits.ts";
import { createScheduler, type Scheduler } from "./queue/scheduler.ts";

/** Sees the demand and the responses of one replica that shares a quota with others. */
export interface ShareWatch {
  /** An attempt wants to be sent. */
  arrived(): void;
  /**
   * The rate that the group will grant within about a second if calls wait, per second; 0 for none.
   */
  duePerSecond(): number;
  accepted(now: number): void;
  throttled(now: number): void;
}

/** How the rate limit of one instance is created. */
export interface RateLimitOptions {
  /** The settings of the rate, or the rate itself. Absent: only the connections bound the sends. */
  readonly quota?: QuotaSettings | AdaptiveRate | undefined;
  /** Present where replicas share the quota. */
  readonly share?: ShareWatch | undefined;
  /** Most requests in flight. */
  readonly connections: number;
  readonly bounds?: Partial<QueueBounds> | undefined;
  /** Gets `attemptGranted`, `attemptShed` and `attemptEnded`. Must not throw. Default: ignored. */
  readonly emit?: Emit | undefined;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Default `setImmediate`. */
  readonly nextTurn?: NextTurn | undefined;
}

/** The rate limit of one instance. */
export interface RateLimit {
  /** Goes around each attempt: inside the bearer token, outside the circuit breaker. */
  readonly layer: Layer;
  /** Applies the present rate and pause; to be called after the rate was changed from outside. */
  applyRate(): void;
  /** Starts at a low rate after an outage, since all callers come back at once. */
  slowRestart(): void;
  readonly scheduler: Scheduler;
  readonly permits: Pick<ConcurrencyLimit, "inFlight" | "pausedUntil" | "ready">;
  /** Absent where no quota is configured. */
  readonly adaptiveRate: Pick<AdaptiveRate, "safeRate" | "phase"> | undefined;
  /**
   * Requests per second that are let through at present; `Infinity` while the rate is unlimited.
   */
  readonly rate: number;
  /** Rejects waiting and later calls with `SHUTDOWN`. */
  close(): void;
}

/** The usual event, created once per class: the attempt did not wait. */
const grantedAtOnce = {
  interactive: { kind: "attemptGranted", priority: "interactive", waitMs: 0 },
  management: { kind: "attemptGranted", priority: "management", waitMs: 0 },
  bulk: { kind: "attemptGranted", priority: "bulk", waitMs: 0 },
} as const satisfies Record<PriorityClass, UpstreamEvent>;

/** Creates a rate limit. It starts at the rate of the settings. */
export function createRateLimit(options: RateLimitOptions): RateLimit {
  const { quota, share, connections, bounds, emit = ignoreEvents, clock, random } = options;
  const adaptiveRate =
    quota !== undefined && "mode" in quota
      ? createAdaptiveRate(quota, { now: clock.now(), random })
      : quota;
  const limiter = createRateLimiter({ clock, rate: adaptiveRate?.rate ?? Infinity });
  const permits = createConcurrencyLimit(limiter, connections, clock, options.nextTurn);
  const latency = createLatencyEstimate();
  const scheduler = createScheduler({
    permits,
    clock,
    bounds,
    typicalServiceMs: latency.typicalMs,
    duePerSecond: share && (() => share.duePerSecond()),
    refusalCause: adaptiveRate && ((now) => adaptiveRate.refusalCause(now)),
    onGranted: (priority, waitMs) =>
      emit(waitMs === 0 ? grantedAtOnce[priority] : { kind: "attemptGranted", priority, waitMs }),
    onShed: (reason, priority) => emit({ kind: "attemptShed", reason, priority }),
  });

  const applyRate = (now: number): void => {
    if (adaptiveRate === undefined || !adaptiveRate.advance(now)) return;
    permits.setRate(adaptiveRate.rate, adaptiveRate.quotaRate);
    if (adaptiveRate.pausedUntil > now) permits.pauseUntil(adaptiveRate.pausedUntil);
  };
  /** Learns from a response. `startedAt` is when the attempt got its permit, in monotonic ms. */
  const onResponse = (
    { rpc }: UpstreamCall,
    { status, headers, sentAt }: UpstreamResponse,
    startedAt: number,
  ): void => {
    const now = clock.now();
    emit({ kind: "attemptEnded", operation: rpc.method, outcome: outcomeOfStatus(status) });
    limiter.recordSentAt(startedAt, sentAt);
    // A 429 or 5xx comes quickly and says nothing about the time that the work takes.
    if (status < 500 && status !== 429) latency.onAnswer(rpc.priority, now - startedAt, now);
    if (adaptiveRate === undefined) return;
    const retryAfter = headers["retry-after"];
    const retryAfterMs =
      retryAfter === undefined ? undefined : parseRetryAfter(retryAfter, clock.wallNow());
    if (status === 429) {
      // Refused recovery probes of a long lockout must not lower the quota of the group.
      if (adaptiveRate.onThrottled(now, retryAfterMs)) share?.throttled(now);
    } else {
      if (status === 503 && retryAfterMs !== undefined && retryAfterMs > 0) {
        adaptiveRate.onUnavailable(now, retryAfterMs);
      } else adaptiveRate.onAccepted(now);
      share?.accepted(now);
    }
    applyRate(now);
  };
  /** Learns from an attempt that got no response. */
  const onFailure = ({ rpc }: UpstreamCall, error: unknown, startedAt: number): void => {
    const code = error instanceof UpstreamError ? error.code : "DEFECT";
    // The circuit breaker rejected the call: there was no exchange.
    if (code === "CIRCUIT_OPEN") return;
    emit({ kind: "attemptEnded", operation: rpc.method, outcome: code });
    if (code === "ATTEMPT_TIMEOUT" || code === "DEADLINE" || code === "CANCELLED") {
      const now = clock.now();
      latency.onGivenUp(rpc.priority, now - startedAt, now);
    }
  };
  /** Gives the place back once the connection is free, and the permit too if nothing was sent. */
  const giveBack = async (error: unknown): Promise<void> => {
    if (!(error instanceof UpstreamError)) return permits.release();
    if (error.connectionFreed !== undefined) await error.connectionFreed;
    if (error.sent) permits.release();
    else permits.refund();
  };

  return {
    layer: (next) => async (request) => {
      const { call } = request;
      share?.arrived();
      const askedAt = clock.now();
      applyRate(askedAt);
      const turn =
        request.isRequeued === true ? scheduler.acquireFirst(call) : scheduler.acquire(call);
      if (turn !== undefined) {
        call.trace?.queued();
        await turn;
      }
      // The call can end between the grant and this line.
      if (call.signal.aborted) {
        permits.refund();
        throw callEndedError(call.signal, { sent: false });
      }
      const startedAt = clock.now();
      call.trace?.permitted(startedAt - askedAt);
      let response: UpstreamResponse;
      try {
        response = await next(request);
      } catch (error) {
        void giveBack(error);
        onFailure(call, error, startedAt);
        throw error;
      }
      permits.release();
      onResponse(call, response, startedAt);
      return response;
    },
    applyRate: () => applyRate(clock.now()),
    slowRestart() {
      if (adaptiveRate === undefined) return;
      const now = clock.now();
      adaptiveRate.slowRestart(now);
      applyRate(now);
    },
    scheduler,
    permits,
    adaptiveRate,
    get rate() {
      return permits.rate;
    },
    close() {
      scheduler.close();
      permits.close();
    },
  };
}
