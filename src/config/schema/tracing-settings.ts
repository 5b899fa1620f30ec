/**
 * The part of the schema about traces. The variables that start with `OTEL_` are those of every
 * OpenTelemetry SDK; a variable with `TRACES` in its name goes before the one without.
 */
import { group, optionalSetting, setting } from "./setting.ts";
import { kinds, type ValueKind } from "./value-kinds.ts";

/** Samplers of the standard; `arg` applies to those with a ratio. */
const samplers = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;

/** Every protocol of the standard, so that a variable for all signals may name another one. */
const protocol = kinds.choice(["http/protobuf", "http/json", "grpc"]);
const compression = kinds.choice(["none", "gzip"]);

/** The standard takes `TRUE` too. */
const standardFlag: ValueKind<boolean> = {
  ...kinds.flag,
  fromText: (text) => kinds.flag.fromText(text.toLowerCase()),
};

/** Settings of traces. */
export const tracingSettings = group({
  endpoint: optionalSetting(kinds.collectorUrl, {
    env: "OTEL_EXPORTER_OTLP_ENDPOINT",
    meaning:
      "URL of an OpenTelemetry collector; `/v1/traces` is added. Setting it, or the next one, switches traces on.",
  }),
  tracesEndpoint: optionalSetting(kinds.collectorUrl, {
    env: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    meaning: "Complete URL that spans are sent to, used as it is.",
  }),
  isDisabled: setting(standardFlag, {
    env: "OTEL_SDK_DISABLED",
    fallback: false,
    meaning: "Switches traces off whatever else is set.",
  }),
  exporter: setting(kinds.choice(["otlp", "none"]), {
    env: "OTEL_TRACES_EXPORTER",
    fallback: "otlp",
    meaning: "`none` switches traces off.",
  }),
  protocol: setting(protocol, {
    env: "OTEL_EXPORTER_OTLP_PROTOCOL",
    fallback: "http/protobuf",
    meaning: "Protocol of the collector. Only `http/protobuf` can be used for traces.",
  }),
  tracesProtocol: optionalSetting(protocol, {
    env: "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    meaning: "The same for traces alone.",
  }),
  headers: optionalSetting(kinds.headers, {
    env: "OTEL_EXPORTER_OTLP_HEADERS",
    meaning: "Headers of the requests to the collector, such as its API key. A secret.",
  }),
  tracesHeaders: optionalSetting(kinds.headers, {
    env: "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    meaning: "The same for traces alone; added to the others.",
  }),
  timeoutMs: setting(kinds.integer(1, 600_000), {
    env: "OTEL_EXPORTER_OTLP_TIMEOUT",
    fallback: 10_000,
    meaning: "Time in which a request to the collector must succeed, with its repeats.",
  }),
  tracesTimeoutMs: optionalSetting(kinds.integer(1, 600_000), {
    env: "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    meaning: "The same for traces alone.",
  }),
  caFile: optionalSetting(kinds.path, {
    env: "OTEL_EXPORTER_OTLP_CERTIFICATE",
    meaning:
      "PEM file of the certificate authorities trusted for an `https://` collector instead of the system's.",
  }),
  tracesCaFile: optionalSetting(kinds.path, {
    env: "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
    meaning: "The same for traces alone.",
  }),
  compression: setting(compression, {
    env: "OTEL_EXPORTER_OTLP_COMPRESSION",
    fallback: "none",
    meaning: "Compression of the requests to the collector.",
  }),
  tracesCompression: optionalSetting(compression, {
    env: "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
    meaning: "The same for traces alone.",
  }),
  serviceName: optionalSetting(kinds.label, {
    env: "OTEL_SERVICE_NAME",
    meaning:
      "`service.name` of the spans. If not set: that of `resourceAttributes`, else `keyprotect-gateway`.",
  }),
  resourceAttributes: setting(kinds.attributes, {
    env: "OTEL_RESOURCE_ATTRIBUTES",
    fallback: "",
    meaning:
      "Attributes of every span's resource, as `name=value,name=value`, percent-encoded. In the file also a mapping.",
  }),
  sampler: setting(kinds.choice(samplers), {
    env: "OTEL_TRACES_SAMPLER",
    fallback: "parentbased_always_on",
    meaning:
      "Which calls are recorded. `parentbased_…`: those that the caller records, and of calls without a trace the rest of the name says which; the others do not ask the caller.",
  }),
  samplerRatio: optionalSetting(kinds.fraction, {
    env: "OTEL_TRACES_SAMPLER_ARG",
    meaning: "Share of the calls that `…traceidratio` records. If not set: 1.",
  }),
  batch: group({
    delayMs: setting(kinds.integer(1, 600_000), {
      env: "OTEL_BSP_SCHEDULE_DELAY",
      fallback: 5_000,
      meaning: "Longest time for which an ended span waits before it is sent.",
    }),
    timeoutMs: setting(kinds.integer(1, 600_000), {
      env: "OTEL_BSP_EXPORT_TIMEOUT",
      fallback: 30_000,
      meaning: "Time after which the next batch no longer waits for one under way.",
    }),
    queueSize: setting(kinds.integer(1, 1_000_000), {
      env: "OTEL_BSP_MAX_QUEUE_SIZE",
      fallback: 2_048,
      meaning: "Ended spans that may wait. Further ones are dropped and counted.",
    }),
    size: setting(kinds.integer(1, 100_000), {
      env: "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
      fallback: 512,
      meaning: "Spans in one request to the collector, at most `queueSize`.",
    }),
  }),
  isSentUpstream: setting(kinds.flag, {
    env: "GATEWAY_TRACE_UPSTREAM",
    fallback: false,
    meaning:
      "Sends `traceparent` and `tracestate` to Key Protect too. It ignores them, but a proxy on the way may use them.",
  }),
});
