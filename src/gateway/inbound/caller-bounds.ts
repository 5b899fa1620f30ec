/** Builds what bounds the connections of callers and their incomplete requests. */
import type { Logger } from "pino";
import type { Config } from "../../config/config.ts";
import type { ConnectionLimits } from "../../grpc/server/connections/admission.ts";
import type { ConnectionAge } from "../../grpc/server/connections/connection-age.ts";
import { type Connections, createConnections } from "../../grpc/server/connections/connections.ts";
import {
  createReceivingCalls,
  type ReceiveLimits,
  type ReceivingCalls,
} from "../../grpc/server/receiving/receiving-calls.ts";
import type { Metrics } from "../../observability/metrics/metrics.ts";
import type { Clock } from "../../platform/clock.ts";

/** Dependencies of `createCallerBounds`. */
export interface CallerBoundsDeps {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The connections of callers, and their incomplete requests. */
export interface CallerBounds {
  /** Those of the listeners for the gateway's own contract. */
  readonly connections: Connections;
  /**
   * Makes the list of a door, with bounds of its own: callers of other listeners cannot shut its
   * callers out.
   */
  readonly createDoorConnections: () => Connections;
  readonly receiving: ReceivingCalls;
}

/** Creates the lists, empty and watched by the metrics. */
export function createCallerBounds(config: Config, deps: CallerBoundsDeps): CallerBounds {
  const { clock, random, logger, metrics } = deps;
  const createWatchedConnections = (): Connections => {
    const connections = createConnections({
      clock,
      random,
      logger,
      age: toConnectionAge(config),
      limits: toConnectionLimits(config),
      observer: metrics,
    });
    metrics.watchConnections(() => connections.count);
    return connections;
  };
  const receiving = createReceivingCalls({
    ...toReceiveLimits(config),
    clock,
    onRefused: metrics.requestIncomplete,
  });
  metrics.watchReceivingBytes(() => receiving.bytes);
  return {
    connections: createWatchedConnections(),
    createDoorConnections: createWatchedConnections,
    receiving,
  };
}

/** Bounds of callers' connections. One peer may take half of them. */
const toConnectionLimits = ({ connections }: Config): ConnectionLimits => ({
  max: connections.max,
  maxPerPeer: connections.maxPerPeer ?? Math.ceil(connections.max / 2),
});

/** Ages of callers' connections. No call is cut off by them. */
const toConnectionAge = ({ connections, limits }: Config): ConnectionAge => ({
  ageMs: connections.ageMs,
  ageJitterPercent: connections.ageJitterPercent,
  ageGraceMs: connections.ageGraceMs ?? Math.max(45_000, limits.maxDeadlineMs + 5_000),
});

/** Default memory of incomplete requests, in bytes: 170 of the largest. */
const defaultReceivingBytes = 33_554_432;

/** Bounds of incomplete requests. */
const toReceiveLimits = ({ connections, limits }: Config): ReceiveLimits => ({
  maxBytes:
    connections.maxReceivingBytes ?? Math.max(defaultReceivingBytes, 4 * limits.maxReceiveBytes),
  timeoutMs: connections.receiveTimeoutMs,
});
