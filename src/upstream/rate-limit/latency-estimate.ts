/** How long exchanges take, so that a call that would miss its deadline is rejected at once. */
import type { PriorityClass } from "../../rpc-table.ts";

/** The median length of exchanges by class, since creating an RSA key is slower than unwrapping. */
export interface LatencyEstimate {
  /** The present estimate of the median, in milliseconds. */
  readonly typicalMs: (priority: PriorityClass, now: number) => number;
  /** Records an exchange that was answered. */
  onAnswer(priority: PriorityClass, tookMs: number, now: number): void;
  /** Records an exchange that was given up: it would have taken longer. */
  onGivenUp(priority: PriorityClass, tookMs: number, now: number): void;
}

/** How a latency estimate is created. */
export interface LatencyEstimateOptions {
  /** The estimate without samples, in milliseconds. Default 20. */
  readonly initialMs?: number | undefined;
}

interface Estimate {
  /** In milliseconds. */
  value: number;
  samples: number;
  /** When the newest sample came. */
  at: number;
}

/** The share by which one sample moves an estimate with many samples. */
const leastStep = 0.05;
/** The lowest estimate, in milliseconds, since a share of 0 would move nothing. */
const leastMs = 0.5;
/** An estimate without new samples is kept for this time, in milliseconds. */
const keptMs = 1_000;
/**
 * After that the estimate falls by half in this time, in milliseconds. A call that is rejected
 * because exchanges are slow adds no sample, so a high estimate would reject calls for ever.
 */
const halfLifeMs = 1_000;

/**
 * Creates an estimate without samples. Each sample moves the estimate of its class up or down by a
 * share of it, whatever the distance. That settles at the median, and a few hanging exchanges do
 * not move it far.
 */
export function createLatencyEstimate({
  initialMs = 20,
}: LatencyEstimateOptions = {}): LatencyEstimate {
  const create = (): Estimate => ({
    value: Math.max(initialMs, leastMs),
    samples: 0,
    at: Number.NEGATIVE_INFINITY,
  });
  const estimates: Readonly<Record<PriorityClass, Estimate>> = {
    interactive: create(),
    management: create(),
    bulk: create(),
  };

  const typicalMs = (priority: PriorityClass, now: number): number => {
    const { value, at } = estimates[priority];
    const silentMs = now - at - keptMs;
    if (silentMs <= 0 || value <= initialMs) return value;
    return Math.max(initialMs, value * 0.5 ** (silentMs / halfLifeMs));
  };
  const onAnswer = (priority: PriorityClass, tookMs: number, now: number): void => {
    const estimate = estimates[priority];
    const value = typicalMs(priority, now);
    // The first samples count for more, but none for all: the first one includes connecting.
    const step = Math.max(leastStep, 1 / (estimate.samples + 2));
    const moved = tookMs > value ? value * (1 + step) : value / (1 + step);
    // An estimate never moves beyond the sample.
    estimate.value = tookMs > value ? Math.min(moved, tookMs) : Math.max(moved, tookMs, leastMs);
    estimate.samples += 1;
    estimate.at = now;
  };

  return {
    typicalMs,
    onAnswer,
    onGivenUp(priority, tookMs, now) {
      if (tookMs > typicalMs(priority, now)) onAnswer(priority, tookMs, now);
    },
  };
}
