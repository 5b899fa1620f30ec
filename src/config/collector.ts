/** Where spans are sent to, by the settings of traces. */
import type { Settings } from "./schema/settings.ts";
import { headerForm, parsePairs } from "./key-value-pairs.ts";
import { Secret } from "../platform/secret.ts";

/** An OpenTelemetry collector. */
export interface Collector {
  /** Complete URL. */
  readonly url: string;
  readonly headers: ReadonlyMap<string, Secret>;
  /** In milliseconds. */
  readonly timeoutMs: number;
  /** PEM file of authorities; absent: the system's. */
  readonly caFile: string | undefined;
  readonly compression: "none" | "gzip";
}

/** The settings of traces. */
export type TracingSettings = Settings["tracing"];

/**
 * Returns the collector; `undefined` if traces are off. Settings for traces alone go before those
 * for all signals, and headers are joined, as in OpenTelemetry's SDKs.
 */
export function collectorOf(tracing: TracingSettings): Collector | undefined {
  const url = collectorUrl(tracing);
  if (url === undefined) return undefined;
  const headers = [tracing.headers, tracing.tracesHeaders].flatMap((secret) =>
    Object.entries((secret && parsePairs(secret.reveal(), headerForm)) ?? {}),
  );
  return {
    url,
    headers: new Map(headers.map(([name, value]) => [name.toLowerCase(), new Secret(value)])),
    timeoutMs: tracing.tracesTimeoutMs ?? tracing.timeoutMs,
    caFile: tracing.tracesCaFile ?? tracing.caFile,
    compression: tracing.tracesCompression ?? tracing.compression,
  };
}

/** URL that spans are sent to; `undefined` if traces are off. */
export function collectorUrl(tracing: TracingSettings): string | undefined {
  const { endpoint, tracesEndpoint, isDisabled, exporter } = tracing;
  if (isDisabled || exporter === "none") return undefined;
  return tracesEndpoint ?? (endpoint && `${endpoint.replace(/\/+$/, "")}/v1/traces`);
}
