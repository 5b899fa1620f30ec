/** Starts traces, if they are on. Otherwise OpenTelemetry's SDK is not even loaded. */
import type { Logger } from "pino";
import { collectorOf } from "../config/collector.ts";
import type { Config } from "../config/config.ts";
import type { Metrics } from "../observability/metrics/metrics.ts";
import type { Clock } from "../platform/clock.ts";
import { readSmallFileSync } from "../platform/files/small-file.ts";
import { gatewayVersion } from "../platform/version.ts";
import type { Tracing } from "../tracing/tracing.ts";

/** Dependencies of traces. */
export interface TracingDeps {
  readonly metrics: Pick<Metrics, "countSpans">;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Traces, on or off. Disposing of them sends the last spans. */
export interface OpenTracing extends AsyncDisposable {
  /** `undefined` if traces are off. */
  readonly tracing: Tracing | undefined;
  /** The last spans have the time of the drain that calls have left. */
  drainBegins(): void;
}

/** Time for the last spans without a drain, or if calls took all of it, in milliseconds. */
const shortestMs = 1_000;

/** Starts traces. Connects to nothing yet. */
export async function openTracing(config: Config, deps: TracingDeps): Promise<OpenTracing> {
  const { clock } = deps;
  const tracing = await startIfOn(config, deps);
  let endsAt = Number.NEGATIVE_INFINITY;
  return {
    tracing,
    drainBegins() {
      endsAt = clock.now() + config.drain.delayMs + config.drain.graceMs;
    },
    async [Symbol.asyncDispose]() {
      await tracing?.close(Math.max(shortestMs, endsAt - clock.now()));
    },
  };
}

async function startIfOn(config: Config, deps: TracingDeps): Promise<Tracing | undefined> {
  const collector = collectorOf(config.tracing);
  if (collector === undefined) return undefined;
  const { startTracing } = await import("../tracing/tracing.ts");
  const { sampler, samplerRatio, batch, serviceName, resourceAttributes } = config.tracing;
  const { url, headers, timeoutMs, caFile, compression } = collector;
  const version = gatewayVersion();
  return startTracing({
    url,
    headers: Object.fromEntries([...headers].map(([name, secret]) => [name, secret.reveal()])),
    timeoutMs,
    compression,
    ca: caFile === undefined ? undefined : readSmallFileSync(caFile).toString(),
    version,
    resource: {
      "service.name": "keyprotect-gateway",
      "service.version": version,
      ...resourceAttributes,
      ...(serviceName === undefined ? {} : { "service.name": serviceName }),
    },
    batch,
    sampler,
    ratio: samplerRatio ?? 1,
    countSpans: deps.metrics.countSpans,
    logger: deps.logger,
    clock: deps.clock,
    random: deps.random,
  });
}
