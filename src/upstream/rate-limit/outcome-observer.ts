/** Updates the rate, the latency estimate and the sliding window with each outcome. */
import type { Clock } from "../../platform/clock.ts";
import { parseRetryAfter } from "../../platform/http-date.ts";
import { UpstreamError } from "../error.ts";
import type { UpstreamCall, UpstreamResponse } from "../layer.ts";
import { outcomeOfStatus, type Emit } from "../meter.ts";
import type { AdaptiveRate } from "./adaptive/rate-state.ts";
import type { LatencyEstimate } from "./latency-estimate.ts";
import type { RateLimiter } from "./permits/rate-limiter.ts";

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

/**
 * Learns from outcomes. `startedAt` is when the attempt got its permit, in monotonic milliseconds.
 */
export interface OutcomeObserver {
  onResponse(call: UpstreamCall, response: UpstreamResponse, startedAt: number): void;
  onFailure(call: UpstreamCall, error: unknown, startedAt: number): void;
}

/** Whom an outcome observer updates. */
export interface OutcomeObserverDeps {
  readonly latency: Pick<LatencyEstimate, "onAnswer" | "onGivenUp">;
  readonly limiter: Pick<RateLimiter, "recordSentAt">;
  /** Absent where no quota is configured. */
  readonly adaptiveRate: AdaptiveRate | undefined;
  readonly share: ShareWatch | undefined;
  /** Gets `attemptEnded`. */
  readonly emit: Emit;
  /** Applies the rate and the pause that the adaptive rate has now. */
  readonly applyRate: (now: number) => void;
  readonly clock: Clock;
}

/** Creates the observer of one instance's exchanges. */
export function createOutcomeObserver(deps: OutcomeObserverDeps): OutcomeObserver {
  const { latency, limiter, adaptiveRate, share, emit, applyRate, clock } = deps;

  return {
    onResponse({ rpc }, { status, headers, sentAt }, startedAt) {
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
    },
    onFailure({ rpc }, error, startedAt) {
      const code = error instanceof UpstreamError ? error.code : "DEFECT";
      // The circuit breaker rejected the call: there was no exchange.
      if (code === "CIRCUIT_OPEN") return;
      emit({ kind: "attemptEnded", operation: rpc.method, outcome: code });
      if (code === "ATTEMPT_TIMEOUT" || code === "DEADLINE" || code === "CANCELLED") {
        const now = clock.now();
        latency.onGivenUp(rpc.priority, now - startedAt, now);
      }
    },
  };
}
