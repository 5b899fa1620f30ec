/** How long exchanges take, so that a call that cannot be answered in time is told before anything is spent on it. */
import type { PriorityClass } from "../../rpc-table.ts";

/** The usual length of exchanges, by class: creating an RSA key must not count against unwrapping. */
export interface LatencyEstimate {
  /** The present estimate of the median, in milliseconds. */
  readonly typicalMs: (priority: PriorityClass, now: number) => number;
  /** Takes note of an exchange that was answered. */
  onAnswer(priority: PriorityClass, tookMs: number, now: number): void;
  /** Takes note of an exchange that was given up: it would have taken longer. */
  onGivenUp(priority: PriorityClass, tookMs: number, now: number): void;
}

export interface LatencyEstimateOptions {
  /** The estimate where there is nothing to go by, in milliseconds. Default 20. */
  readonly initialMs?: number | undefined;
}

interface Estimate {
  /** In milliseconds. */
  value: number;
  samples: number;
  /** When the newest sample came. */
  at: number;
}

/** The share by which one exchange moves an estimate that rests on many. */
const leastStep = 0.05;
/** An estimate does not fall below this, in milliseconds: there would be nothing left to take a share of. */
const leastMs = 0.5;
/**
 * How long an estimate stands without a sample, and what it takes to fall by half after that. Who is refused because
 * exchanges are slow makes no exchange: without this the refusals would keep themselves up for ever.
 */
const standsMs = 1_000;
const halfLifeMs = 1_000;

/**
 * Starts with nothing to go by. Each sample moves its class's estimate up or down by a share of it, whatever the
 * distance: that settles at the median, and a few exchanges that hang do not move it.
 */
export function createLatencyEstimate({
  initialMs = 20,
}: LatencyEstimateOptions = {}): LatencyEstimate {
  const begin = (): Estimate => ({
    value: Math.max(initialMs, leastMs),
    samples: 0,
    at: Number.NEGATIVE_INFINITY,
  });
  const estimates: Readonly<Record<PriorityClass, Estimate>> = {
    interactive: begin(),
    management: begin(),
    bulk: begin(),
  };

  const valueAt = ({ value, at }: Estimate, now: number): number => {
    const silentMs = now - at - standsMs;
    if (silentMs <= 0 || value <= initialMs) return value;
    return Math.max(initialMs, value * 0.5 ** (silentMs / halfLifeMs));
  };
  const learn = (estimate: Estimate, tookMs: number, now: number): void => {
    const value = valueAt(estimate, now);
    // Of the first few each counts for much, but none for all: the first one has set up its connection too.
    const step = Math.max(leastStep, 1 / (estimate.samples + 2));
    const moved = tookMs > value ? value * (1 + step) : value / (1 + step);
    // Never beyond the sample itself.
    estimate.value = tookMs > value ? Math.min(moved, tookMs) : Math.max(moved, tookMs, leastMs);
    estimate.samples += 1;
    estimate.at = now;
  };

  return {
    typicalMs: (priority, now) => valueAt(estimates[priority], now),
    onAnswer: (priority, tookMs, now) => learn(estimates[priority], tookMs, now),
    onGivenUp(priority, tookMs, now) {
      const estimate = estimates[priority];
      if (tookMs > valueAt(estimate, now)) learn(estimate, tookMs, now);
    },
  };
}
