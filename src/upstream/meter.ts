import type { UpstreamMeter } from "./observe.ts";
import type { RateLimitMeter } from "./rate-limit/rate-limit.ts";
import type { ConnectionMeter } from "./transport/pool.ts";
import type { RetryKind } from "./retry/retry-policy.ts";

/** Counts everything on the way to an instance. */
export interface PipelineMeter extends UpstreamMeter, RateLimitMeter, ConnectionMeter {
  readonly upstreamRepeated: (kind: Exclude<RetryKind, "none">) => void;
  /** A request joined an identical one under way; `operation` is its RPC. */
  readonly upstreamShared: (operation: string) => void;
}

/** Makes a meter whose failures go to `onFault`: what cannot be counted must still be answered. */
export function guardMeter(
  meter: Partial<PipelineMeter>,
  onFault: (error: unknown) => void,
): PipelineMeter {
  const guard =
    <A extends readonly unknown[]>(count: ((...args: A) => void) | undefined) =>
    (...args: A): void => {
      try {
        count?.(...args);
      } catch (error) {
        onFault(error);
      }
    };
  return {
    upstreamStarted: guard(meter.upstreamStarted),
    upstreamEnded: guard(meter.upstreamEnded),
    upstreamRepeated: guard(meter.upstreamRepeated),
    upstreamShared: guard(meter.upstreamShared),
    callGranted: guard(meter.callGranted),
    callShed: guard(meter.callShed),
    upstreamAttempted: guard(meter.upstreamAttempted),
    connectionOpened: guard(meter.connectionOpened),
    connectionFailed: guard(meter.connectionFailed),
  };
}
