import type { BreakerConfig } from "../config/config.ts";
import type { Circuits } from "../upstream/circuit-breaker/breakers.ts";

/** What is not interactive is slower, so that it is judged, and left alone, over twice the time. */
export function toCircuits(breaker: BreakerConfig): Circuits | "off" {
  const { enabled, failurePercent, minimumRequests: minimumExchanges } = breaker;
  if (!enabled) return "off";
  const { resetMs, longestResetMs } = breaker;
  const shared = { failurePercent, minimumExchanges, longestResetMs, probeMs: 2_000 };
  return {
    data: { ...shared, windowMs: resetMs, resetMs },
    management: { ...shared, windowMs: 2 * resetMs, resetMs: 2 * resetMs },
  };
}
