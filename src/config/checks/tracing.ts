/** Rules and warnings about the settings of traces. */
import { collectorUrl } from "../collector.ts";
import { isLoopbackHost } from "../listen-address.ts";
import type { Settings } from "../schema/settings.ts";
import type { SettingFinding } from "./schema.ts";

/** Finds contradictions. A protocol that is not used may be any. */
export function* checkTracing({ tracing }: Settings): Generator<SettingFinding> {
  const { protocol, tracesProtocol, batch } = tracing;
  if (collectorUrl(tracing) !== undefined && (tracesProtocol ?? protocol) !== "http/protobuf") {
    const name = tracesProtocol === undefined ? "protocol" : "tracesProtocol";
    const what = "has to be `http/protobuf`: the gateway sends spans in no other protocol";
    yield { path: ["tracing", name], what };
  }
  if (batch.size > batch.queueSize) {
    yield { path: ["tracing", "batch", "size"], what: "has to be at most tracing.batch.queueSize" };
  }
}

/** Finds settings of traces without an effect, and headers that can be read on the way. */
export function* warnOfTracing({ tracing }: Settings): Generator<SettingFinding> {
  const url = collectorUrl(tracing);
  if (url === undefined) {
    if (tracing.isSentUpstream) {
      const what = "has no effect: traces are off (OTEL_EXPORTER_OTLP_ENDPOINT)";
      yield { path: ["tracing", "isSentUpstream"], what };
    }
    return;
  }
  if (tracing.samplerRatio !== undefined && !tracing.sampler.endsWith("traceidratio")) {
    const what = "has no effect: tracing.sampler has no ratio";
    yield { path: ["tracing", "samplerRatio"], what };
  }
  const { protocol, hostname } = new URL(url);
  if (protocol === "https:" || isLoopbackHost(hostname)) return;
  for (const name of ["headers", "tracesHeaders"] as const) {
    if (tracing[name] === undefined) continue;
    const what = "is sent unencrypted: the collector has an `http://` URL";
    yield { path: ["tracing", name], what };
  }
}
