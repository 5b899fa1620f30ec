/** One Key Protect instance, from its configuration to the client that handlers use. */
import type { Logger } from "pino";
import type { Clock } from "./clock.ts";
import type { InstanceConfig, UpstreamConfig } from "./config/config.ts";
import type { TokenSource } from "./iam/token.ts";
import { createKeyProtectClient } from "./keyprotect/client.ts";
import type { Metrics } from "./observability/metrics.ts";
import type { KeyProtect } from "./service/key-protect.ts";
import { createBearer } from "./upstream/bearer.ts";
import type { Origins } from "./upstream/origin.ts";
import { createUpstream } from "./upstream/pipeline.ts";

/** An instance that calls can be made to. Disposing of it waits for requests under way. */
export interface Instance extends AsyncDisposable {
  readonly alias: string;
  readonly dialect: InstanceConfig["dialect"];
  readonly keyProtect: KeyProtect;
  /** Absent where callers bring their own tokens. */
  readonly tokens: TokenSource | undefined;
}

/** What instances are built with. */
export interface InstanceDeps {
  /** Absent where callers bring their own tokens. */
  readonly tokens: TokenSource | undefined;
  readonly upstream: UpstreamConfig;
  /** PEM certificates trusted instead of the system's. */
  readonly ca: string | undefined;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** The hosts that instances are on. */
  readonly origins: Origins;
}

/** Builds an instance. Nothing is connected yet. */
export function createInstance(config: InstanceConfig, deps: InstanceDeps): Instance {
  const { tokens, origins, upstream: settings, ca, metrics, logger, clock, random } = deps;
  const upstream = createUpstream({
    pool: {
      origin: config.serviceUrl,
      connections: settings.connections,
      connectTimeoutMs: settings.connectTimeoutMs,
      ca,
    },
    origin: origins.of(config.serviceUrl),
    quota:
      config.rateCeiling === undefined
        ? undefined
        : { mode: "down-only", ceilingPerSecond: config.rateCeiling },
    attemptTimeoutMs: settings.attemptTimeoutMs,
    bearer: createBearer(tokens === undefined ? { kind: "caller" } : { kind: "gateway", tokens }),
    meter: metrics,
    logger,
    clock,
    random,
  });
  const { pace } = upstream;
  if (pace !== undefined) {
    metrics.watchQueue(() => pace.scheduler.queued);
    metrics.watchRate(() => pace.rate);
  }
  return {
    alias: config.alias,
    dialect: config.dialect,
    keyProtect: createKeyProtectClient({
      send: upstream.send,
      dialect: config.dialect,
      instanceId: config.instanceId,
      onAnomaly: (anomaly) => metrics.upstreamAnomaly(anomaly),
      wallNow: () => clock.wallNow(),
    }),
    tokens,
    [Symbol.asyncDispose]: () => upstream.close(),
  };
}
