/** Every attempt pays a permit, and its answer says what the quota is. */
import type { Clock } from "../clock.ts";
import { parseRetryAfter } from "../http/parse-retry-after.ts";
import { UpstreamError } from "./error.ts";
import { endedError } from "./exchange.ts";
import type { Layer, UpstreamCall, UpstreamResponse } from "./layer.ts";
import { limitInFlight } from "./limit-in-flight.ts";
import { createPermitMint } from "./permit-mint.ts";
import { createQuotaTracker } from "./quota-tracker.ts";
import type { QuotaSettings } from "./quota-tracker-settings.ts";
import { createScheduler, type Scheduler } from "./scheduler.ts";

/** What one instance's quota is kept with. */
export interface PaceOptions {
  readonly quota: QuotaSettings;
  /** Most requests under way. */
  readonly connections: number;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** The way through one instance's quota. */
export interface Pace {
  /** To be put around each attempt, inside the token and outside the breaker. */
  readonly layer: Layer;
  /** Makes the next attempt of a call that was answered 429 go first. */
  requeue(call: UpstreamCall): void;
  /** The upstream is back: starts low, so that not everybody comes at once. */
  ramp(): void;
  readonly scheduler: Scheduler;
  /** Requests per second that are let through at present. */
  readonly rate: number;
  close(): void;
}

/** Starts at the rate that the settings say. */
export function createPace({ quota, connections, clock, random }: PaceOptions): Pace {
  const tracker = createQuotaTracker(quota, { now: clock.now(), random });
  const permits = limitInFlight(createPermitMint({ clock, rate: tracker.rate }), connections);
  const scheduler = createScheduler({ permits, clock });
  const first = new WeakSet<UpstreamCall>();

  const follow = (now: number): void => {
    if (!tracker.advance(now)) return;
    permits.setRate(tracker.rate);
    if (tracker.pausedUntil > now) permits.pauseUntil(tracker.pausedUntil);
  };
  const learn = ({ status, headers }: UpstreamResponse): void => {
    const now = clock.now();
    const retryAfterMs = parseRetryAfter(headers["retry-after"] ?? "", clock.wallNow());
    if (status === 429) tracker.onThrottled(now, retryAfterMs);
    else tracker.onAccepted(now);
    follow(now);
    if (status === 503 && retryAfterMs !== undefined) {
      // Spread, as after 429: replicas that were told the same must not come back in the same moment.
      permits.pauseUntil(now + retryAfterMs * (1 + 0.1 * random()));
    }
  };

  return {
    layer: (next) => async (request) => {
      const { call } = request;
      follow(clock.now());
      const turn = first.delete(call) ? scheduler.readmit(call) : scheduler.admit(call);
      if (turn !== undefined) await turn;
      // A call can end between the grant and this line.
      if (call.signal.aborted) {
        permits.refund();
        throw endedError(call.signal, false);
      }
      let response: UpstreamResponse;
      try {
        response = await next(request);
      } catch (error) {
        if (error instanceof UpstreamError && !error.sent) permits.refund();
        else permits.release();
        throw error;
      }
      permits.release();
      learn(response);
      return response;
    },
    requeue: (call) => void first.add(call),
    ramp() {
      const now = clock.now();
      tracker.ramp(now);
      follow(now);
    },
    scheduler,
    get rate() {
      return permits.rate;
    },
    close() {
      scheduler.close();
      permits.close();
    },
  };
}
