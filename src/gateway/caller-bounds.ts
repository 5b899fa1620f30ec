/** Builds what bounds the connections of callers and their incomplete requests. */
import type { Logger } from "pino";
import type { Config } from "../config/config.ts";
import type { ConnectionLimits } from "../grpc/server/connections/admission.ts";
import { type Connections, createConnections } from "../grpc/server/connections/connections.ts";
import {
  createReceivingCalls,
  type ReceiveLimits,
  type ReceivingCalls,
} from "../grpc/server/receiving/receiving-calls.ts";
import type { Metrics } from "../observability/metrics/metrics.ts";
import type { Clock } from "../platform/clock.ts";

/** Dependencies of `createCallerBounds`. */
export interface CallerBoundsDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The connections of callers, and their incomplete requests. */
export interface CallerBounds {
  readonly connections: Connections;
  readonly receiving: ReceivingCalls;
}

/** Creates both lists, empty and watched by the metrics. */
export function createCallerBounds(config: Config, deps: CallerBoundsDeps): CallerBounds {
  const { clock, logger, metrics } = deps;
  const connections = createConnections({
    clock,
    logger,
    limits: toConnectionLimits(config),
    observer: metrics,
  });
  const receiving = createReceivingCalls({
    ...toReceiveLimits(config),
    clock,
    onRefused: metrics.requestIncomplete,
  });
  metrics.watchConnections(() => connections.count);
  metrics.watchReceivingBytes(() => receiving.bytes);
  return { connections, receiving };
}

/** Bounds of callers' connections. One peer may take half of them. */
const toConnectionLimits = ({ connections }: Config): ConnectionLimits => ({
  max: connections.max,
  maxPerPeer: connections.maxPerPeer ?? Math.ceil(connections.max / 2),
});

/** Default memory of incomplete requests, in bytes: 170 of the largest. */
const defaultReceivingBytes = 33_554_432;

/** Bounds of incomplete requests. */
const toReceiveLimits = ({ connections, limits }: Config): ReceiveLimits => ({
  maxBytes:
    connections.maxReceivingBytes ?? Math.max(defaultReceivingBytes, 4 * limits.maxReceiveBytes),
  timeoutMs: connections.receiveTimeoutMs,
});
