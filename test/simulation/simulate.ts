/** A client with an adaptive rate, a network, and an upstream with a quota, in simulated time. */
import { createAdaptiveRate } from "../../src/upstream/rate-limit/adaptive/adaptive-rate.ts";
import type { AdaptiveRate } from "../../src/upstream/rate-limit/adaptive/rate-state.ts";
import type { RatePhase } from "../../src/upstream/rate-limit/adaptive/rate-state.ts";
import type { QuotaSettings } from "../../src/upstream/rate-limit/adaptive/settings.ts";
import type { Demand } from "./demands.ts";
import { createEventQueue } from "./event-queue.ts";
import { createRateLimitModel } from "./rate-limit-model.ts";
import { createRandom } from "./random.ts";
import type { SimulatedUpstream } from "./upstreams.ts";

/** Milliseconds that a message takes one way. */
export type Network = (random: () => number) => number;

export interface Scenario {
  readonly settings: QuotaSettings;
  /** Default: the rate of a gateway by itself. */
  readonly createRate?: typeof createAdaptiveRate;
  readonly upstream: SimulatedUpstream;
  readonly network: Network;
  /** Default: an endless demand. */
  readonly demand?: Demand;
  /** Maximum number of active requests. Default: no bound. */
  readonly connections?: number;
  /** `Retry-After` of a refusal, in milliseconds. Default: none. */
  readonly retryAfterMs?: (now: number) => number | undefined;
  /** Changes of the quota: when, in milliseconds, and to how many per second. */
  readonly steps?: readonly (readonly [atMs: number, perSecond: number])[];
  /** How long the client's event loop stands still, and how often, in milliseconds. */
  readonly stalls?: { readonly everyMs: number; readonly lengthMs: number };
  readonly seconds: number;
  readonly seed?: number;
}

/** Counts of one second. */
export interface Second {
  /** Calls that came in; absent demand is not counted. */
  wanted: number;
  accepted: number;
  refused: number;
  /** The rate at the end of the second. */
  rate: number;
  safeRate: number;
  phase: RatePhase;
}

export interface Run {
  readonly seconds: readonly Second[];
  /** When each request left the client, in order. */
  readonly sends: readonly number[];
  readonly controller: AdaptiveRate;
}

type Kind = "wake" | "call" | "tick" | "stall" | "arrive" | "accepted" | "refused" | "step";

interface SimulationEvent {
  at: number;
  readonly kind: Kind;
  /** The new quota of a step. */
  readonly value?: number;
}

const tickMs = 100;
/** Length of the client's queue; further calls are rejected. */
const longestBacklog = 512;

export function simulate(scenario: Scenario): Run {
  const { upstream, network, demand, retryAfterMs, stalls } = scenario;
  const { connections = Number.POSITIVE_INFINITY, createRate = createAdaptiveRate } = scenario;
  const random = createRandom(scenario.seed ?? 1);
  const controller = createRate(scenario.settings, { now: 0, random });
  const rateLimit = createRateLimitModel(controller.rate);
  const events = createEventQueue<SimulationEvent>();
  const seconds = Array.from({ length: scenario.seconds }, (): Second => {
    return { wanted: 0, accepted: 0, refused: 0, rate: 0, safeRate: 0, phase: "hold" };
  });
  const sends: number[] = [];
  let waiting = demand === undefined ? Number.POSITIVE_INFINITY : 0;
  let underWay = 0;
  let wakesAt = Number.POSITIVE_INFINITY;
  let stalledUntil = 0;

  function call(after: number): void {
    const at = demand?.(after, random);
    if (at !== undefined) events.push({ at, kind: "call" });
  }

  function send(now: number): void {
    while (waiting > 0 && underWay < connections) {
      const readyAt = rateLimit.readyAt(now);
      if (readyAt > now) {
        if (readyAt < wakesAt) events.push({ at: (wakesAt = readyAt), kind: "wake" });
        return;
      }
      rateLimit.take(now);
      sends.push(now);
      waiting -= 1;
      underWay += 1;
      events.push({ at: now + network(random), kind: "arrive" });
    }
  }

  function follow(now: number): void {
    if (!controller.advance(now)) return;
    rateLimit.setRate(controller.rate, controller.quotaRate, now);
    rateLimit.pauseUntil(controller.pausedUntil);
    wakesAt = Number.POSITIVE_INFINITY;
  }

  function arrive(now: number): void {
    const isAccepted = upstream.accepts(now);
    const second = seconds[Math.floor(now / 1000)];
    if (second !== undefined) second[isAccepted ? "accepted" : "refused"] += 1;
    events.push({ at: now + network(random), kind: isAccepted ? "accepted" : "refused" });
  }

  function happen({ kind, value }: SimulationEvent, now: number): void {
    switch (kind) {
      case "arrive":
        return arrive(now);
      case "step":
        return upstream.setQuota(value ?? 0, now);
      case "accepted":
        underWay -= 1;
        controller.onAccepted(now);
        break;
      case "refused":
        underWay -= 1;
        controller.onThrottled(now, retryAfterMs?.(now));
        // A refused call goes back to the head of the queue.
        waiting += 1;
        break;
      case "call": {
        const second = seconds[Math.floor(now / 1000)];
        if (second !== undefined) second.wanted += 1;
        if (waiting < longestBacklog) waiting += 1;
        call(now);
        break;
      }
      case "stall":
        stalledUntil = now + (stalls?.lengthMs ?? 0);
        events.push({ at: now + (stalls?.everyMs ?? 0), kind: "stall" });
        return;
      case "tick": {
        const second = seconds[Math.floor(now / 1000)];
        if (second !== undefined) {
          second.rate = controller.rate;
          second.safeRate = controller.safeRate;
          second.phase = controller.phase;
        }
        events.push({ at: now + tickMs, kind: "tick" });
        break;
      }
      case "wake":
        // The rate has changed since this one was set.
        if (now !== wakesAt) return;
        wakesAt = Number.POSITIVE_INFINITY;
        return send(now);
    }
    follow(now);
    send(now);
  }

  call(0);
  events.push({ at: 0, kind: "tick" });
  if (stalls !== undefined) events.push({ at: stalls.everyMs, kind: "stall" });
  for (const [at, value] of scenario.steps ?? []) events.push({ at, kind: "step", value });
  const end = scenario.seconds * 1000;
  for (let event = events.pop(); event !== undefined && event.at < end; event = events.pop()) {
    const isUpstream = event.kind === "arrive" || event.kind === "step";
    if (!isUpstream && event.at < stalledUntil) {
      if (event.kind === "wake" && event.at === wakesAt) wakesAt = stalledUntil;
      event.at = stalledUntil;
      events.push(event);
    } else happen(event, event.at);
  }
  return { seconds, sends, controller };
}
