/** Every attempt takes its turn and pays a permit, and its answer says what the quota is. */
import type { Clock } from "../../platform/clock.ts";
import type { PriorityClass } from "../../rpc-table.ts";
import { parseRetryAfter } from "../../platform/http-date.ts";
import { UpstreamError } from "../error.ts";
import { callEndedError } from "../error.ts";
import type { Layer, UpstreamCall, UpstreamResponse } from "../layer.ts";
import {
  createConcurrencyLimit,
  type ConcurrencyLimit,
  type NextTurn,
} from "./permits/concurrency-limit.ts";
import { outcomeOfStatus, type UpstreamOutcome } from "../observe.ts";
import { createRateLimiter } from "./permits/rate-limiter.ts";
import { createAdaptiveRate, type AdaptiveRate } from "./adaptive/adaptive-rate.ts";
import type { QuotaSettings } from "./adaptive/settings.ts";
import type { QueueBounds } from "./queue/queue-limits.ts";
import { createScheduler, type Scheduler } from "./queue/scheduler.ts";
import type { ShedReason } from "./queue/rejections.ts";
import { createLatencyEstimate } from "./latency-estimate.ts";

/** Counts what attempts come to. Must not throw. */
export interface RateLimitMeter {
  /** An attempt got its turn after so many milliseconds; 0 if it did not wait. */
  readonly callGranted: (priority: PriorityClass, waitMs: number) => void;
  /** An attempt left without its turn. */
  readonly callShed: (reason: ShedReason, priority: PriorityClass) => void;
  /** An exchange ended; `operation` is the RPC that it was made for. */
  readonly upstreamAttempted: (operation: string, outcome: UpstreamOutcome) => void;
}

/** Watches what is asked for and what is answered, for those who share the quota. */
export interface ShareWatch {
  /** An attempt wants to be sent. */
  arrived(): void;
  /** What there will be within about a second if calls wait, in requests per second; 0 if nothing beyond the rate. */
  duePerSecond(): number;
  accepted(now: number): void;
  throttled(now: number): void;
}

/** What one instance's quota is kept with. */
export interface RateLimitOptions {
  /** How the rate is found, or a law that says. Absent: nothing bounds what is sent but the connections. */
  readonly quota?: QuotaSettings | AdaptiveRate | undefined;
  readonly share?: ShareWatch | undefined;
  /** Most requests under way. */
  readonly connections: number;
  readonly bounds?: Partial<QueueBounds> | undefined;
  readonly meter?: Partial<RateLimitMeter> | undefined;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Default `setImmediate`. */
  readonly nextTurn?: NextTurn | undefined;
}

/** The way through one instance's quota. */
export interface RateLimit {
  /** To be put around each attempt, inside the token and outside the breaker. */
  readonly layer: Layer;
  /** Puts into force what the law says now; to be called when it has been changed from outside. */
  applyRate(): void;
  /** The upstream is back: starts low, so that not everybody comes at once. */
  slowRestart(): void;
  readonly scheduler: Scheduler;
  readonly permits: Pick<ConcurrencyLimit, "inFlight" | "pausedUntil" | "ready">;
  /** Absent where no quota is kept. */
  readonly tracker: Pick<AdaptiveRate, "safeRate" | "phase"> | undefined;
  /** Requests per second that are let through at present; `Infinity` as long as nothing is paced. */
  readonly rate: number;
  close(): void;
}

/** So many of the first requests may be late on their way for many reasons. */
const firstAnswers = 50;
/** Less than this on its way to a connection is covered by what the send window has to spare, in milliseconds. */
const heldUpMs = 2;

/** Starts at the rate that the settings say. */
export function createRateLimit(options: RateLimitOptions): RateLimit {
  const { quota, share, connections, bounds, meter = {}, clock, random } = options;
  const tracker =
    quota !== undefined && "mode" in quota
      ? createAdaptiveRate(quota, { now: clock.now(), random })
      : quota;
  const limiter = createRateLimiter({ clock, rate: tracker?.rate ?? Number.POSITIVE_INFINITY });
  const permits = createConcurrencyLimit(limiter, connections, clock, options.nextTurn);
  const latency = createLatencyEstimate();
  const scheduler = createScheduler({
    permits,
    clock,
    bounds,
    typicalServiceMs: latency.typicalMs,
    duePerSecond: share && (() => share.duePerSecond()),
    onGranted: meter.callGranted,
    onShed: meter.callShed,
  });
  let coldAnswers = firstAnswers;

  const applyRate = (now: number): void => {
    if (tracker === undefined || !tracker.advance(now)) return;
    permits.setRate(tracker.rate, tracker.quotaRate);
    if (tracker.pausedUntil > now) permits.pauseUntil(tracker.pausedUntil);
  };
  const learn = (
    { rpc }: UpstreamCall,
    { status, headers, sentAt }: UpstreamResponse,
    startedAt: number,
  ): void => {
    const now = clock.now();
    const tookMs = now - startedAt;
    meter.upstreamAttempted?.(rpc.method, outcomeOfStatus(status));
    if (coldAnswers > 0) {
      // Held up by code that is not compiled yet, it may have been late on its whole way.
      coldAnswers -= 1;
      permits.recordSentAt(startedAt, now);
    } else if (sentAt !== undefined && sentAt - startedAt > heldUpMs) {
      // It waited for a new connection or for the event loop.
      permits.recordSentAt(startedAt, sentAt);
    }
    // A refusal is quick and says nothing about the time that work takes.
    if (status < 500 && status !== 429) latency.onAnswer(rpc.priority, tookMs, now);
    if (tracker === undefined) return;
    const retryAfter = headers["retry-after"];
    const retryAfterMs =
      retryAfter === undefined ? undefined : parseRetryAfter(retryAfter, clock.wallNow());
    if (status === 429) {
      // The group does not lower its quota for refused recovery probes.
      if (tracker.onThrottled(now, retryAfterMs)) share?.throttled(now);
    } else {
      tracker.onAccepted(now);
      share?.accepted(now);
    }
    applyRate(now);
    if (status === 503 && retryAfterMs !== undefined) {
      // Spread, as after 429: replicas that were told the same must not come back in the same moment.
      permits.pauseUntil(now + retryAfterMs * (1 + 0.1 * random()));
    }
  };
  const learnFromFailure = ({ rpc }: UpstreamCall, error: unknown, startedAt: number): void => {
    const code = error instanceof UpstreamError ? error.code : "DEFECT";
    // Told by the breaker: there was no exchange.
    if (code === "CIRCUIT_OPEN") return;
    meter.upstreamAttempted?.(rpc.method, code);
    if (code === "ATTEMPT_TIMEOUT" || code === "DEADLINE" || code === "CANCELLED") {
      const now = clock.now();
      latency.onGivenUp(rpc.priority, now - startedAt, now);
    }
  };
  /** Gives back the permit, if it was not used, and the place, as soon as nothing occupies the connection any more. */
  const settle = async (error: unknown): Promise<void> => {
    if (!(error instanceof UpstreamError)) return permits.release();
    if (error.connectionFreed !== undefined) await error.connectionFreed;
    if (error.sent) permits.release();
    else permits.refund();
  };

  return {
    layer: (next) => async (request) => {
      const { call } = request;
      share?.arrived();
      applyRate(clock.now());
      const turn =
        request.isRequeued === true ? scheduler.acquireFirst(call) : scheduler.acquire(call);
      if (turn !== undefined) await turn;
      // A call can end between the grant and this line.
      if (call.signal.aborted) {
        permits.refund();
        throw callEndedError(call.signal, { sent: false });
      }
      const startedAt = clock.now();
      let response: UpstreamResponse;
      try {
        response = await next(request);
      } catch (error) {
        void settle(error);
        learnFromFailure(call, error, startedAt);
        throw error;
      }
      permits.release();
      learn(call, response, startedAt);
      return response;
    },
    applyRate: () => applyRate(clock.now()),
    slowRestart() {
      if (tracker === undefined) return;
      const now = clock.now();
      tracker.slowRestart(now);
      applyRate(now);
    },
    scheduler,
    permits,
    tracker,
    get rate() {
      return permits.rate;
    },
    close() {
      scheduler.close();
      permits.close();
    },
  };
}
