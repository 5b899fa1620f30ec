/**
 * OpenTelemetry's SDK: the one file that imports it. It is loaded only if traces are on, because
 * the SDK takes half a second and 16 MiB. Nothing is registered globally: contexts are passed by
 * hand.
 */
import type { Agent as HttpAgent } from "node:http";
import {
  createTraceState,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Span as ApiSpan,
  type SpanContext as ApiSpanContext,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  type SpanExporter,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import type { SpanFailure } from "./export-log.ts";
import type { Attributes, EventName } from "./span-table.ts";
import type { TraceContext } from "./trace-context.ts";

/** The identity of a span, for links and children. */
export type SpanContext = ApiSpanContext;

/** A span under way. Its methods have no effect after `end`. */
export interface Span {
  readonly context: SpanContext;
  set(attributes: Attributes): void;
  event(name: EventName, attributes?: Attributes): void;
  /** Adds a link to another span. */
  link(to: SpanContext): void;
  /** `errorType` marks the span as an error. No text is set: it could quote a request. */
  end(errorType?: string): void;
}

/** How a span begins. */
export interface SpanStart {
  readonly kind: "SERVER" | "CLIENT";
  readonly name: string;
  /** The parent, in this process or the caller's. Default: a new trace. */
  readonly parent?: SpanContext | undefined;
  readonly attributes: Attributes;
  readonly links?: readonly SpanContext[];
  /** Milliseconds since the Unix epoch. Default: now. */
  readonly startTime?: number;
}

/** Counts spans that leave the process, or do not. Must not throw. */
export interface SpanCounter {
  sent(spans: number): void;
  dropped(spans: number): void;
  failed(spans: number, failure: SpanFailure): void;
}

/** Options of the SDK. */
export interface SdkOptions {
  readonly url: string;
  /** Headers of each request to the collector, with their secrets. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly compression: "none" | "gzip";
  /** PEM certificates of authorities. Default: the system's. */
  readonly ca: string | undefined;
  readonly resource: Readonly<Record<string, string>>;
  readonly version: string;
  readonly batch: {
    readonly delayMs: number;
    readonly timeoutMs: number;
    readonly queueSize: number;
    readonly size: number;
  };
  readonly counter: SpanCounter;
}

/** A running SDK. */
export interface Sdk {
  start(span: SpanStart): Span;
  /** Sends what waits. Settles when that has succeeded or failed. */
  shutdown(): Promise<void>;
}

/** The context of the caller's span. */
export const remoteContext = (received: TraceContext): SpanContext => ({
  traceId: received.traceId,
  spanId: received.spanId,
  traceFlags: received.isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
  isRemote: true,
  ...(received.state === undefined ? {} : { traceState: createTraceState(received.state) }),
});

/** Starts the SDK. Every span that is started is recorded. Nothing is connected yet. */
export function startSdk(options: SdkOptions): Sdk {
  const { batch, version } = options;
  let agent: HttpAgent | undefined;
  const exporter = new OTLPTraceExporter({
    url: options.url,
    headers: { ...options.headers },
    timeoutMillis: options.timeoutMs,
    userAgent: `keyprotect-gateway/${version}`,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the enum is not exported
    compression: options.compression as never,
    httpAgentOptions: async (protocol) => {
      agent = await createAgent(protocol, options.ca);
      return agent;
    },
  });
  const provider = new BasicTracerProvider({
    // The gateway has decided before; see `Sampler`.
    sampler: new AlwaysOnSampler(),
    resource: defaultResource().merge(resourceFromAttributes(options.resource)),
    spanProcessors: [createProcessor(exporter, options)],
    forceFlushTimeoutMillis: batch.timeoutMs,
    // Explicit, so that variables which no setting checks have no effect.
    generalLimits: { attributeValueLengthLimit: 1_024, attributeCountLimit: 128 },
    spanLimits: {
      attributeValueLengthLimit: 1_024,
      attributeCountLimit: 128,
      linkCountLimit: 128,
      eventCountLimit: 128,
      attributePerEventCountLimit: 128,
      attributePerLinkCountLimit: 128,
    },
  });
  const tracer = provider.getTracer("keyprotect-gateway", version);
  return {
    start({ kind, name, parent, attributes, links = [], startTime }) {
      const span = tracer.startSpan(
        name,
        {
          kind: SpanKind[kind],
          attributes,
          links: links.map((context) => ({ context })),
          ...(startTime === undefined ? {} : { startTime }),
        },
        parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent),
      );
      return wrap(span);
    },
    async shutdown() {
      // The exporter's failures are counted where they happen.
      await provider.shutdown().catch(() => undefined);
      agent?.destroy();
    },
  };
}

const wrap = (span: ApiSpan): Span => ({
  context: span.spanContext(),
  set: (attributes) => void span.setAttributes(attributes),
  event: (name, attributes) => void span.addEvent(name, attributes),
  link: (context) => void span.addLink({ context }),
  end(errorType) {
    if (errorType !== undefined) {
      span.setAttribute("error.type", errorType);
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.end();
  },
});

/**
 * Connections to the collector. They are direct: an agent of its own keeps Node from using
 * `HTTPS_PROXY`, which is the way to Key Protect.
 */
async function createAgent(protocol: string, ca: string | undefined): Promise<HttpAgent> {
  const { Agent } = await (protocol === "http:" ? import("node:http") : import("node:https"));
  return new Agent({
    keepAlive: true,
    minVersion: "TLSv1.2",
    // Explicit, because NODE_TLS_REJECT_UNAUTHORIZED in the environment could turn the default off.
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca }),
  });
}

/**
 * Sends ended spans in batches. It counts those that wait exactly as the batches do, because the
 * SDK tells nobody that it drops spans.
 */
function createProcessor(exporter: SpanExporter, options: SdkOptions): SpanProcessor {
  const { batch, counter } = options;
  let waiting = 0;
  const counting: SpanExporter = {
    export(spans, done) {
      waiting -= spans.length;
      exporter.export(spans, (result) => {
        // Each failure has an error.
        if (result.error === undefined) counter.sent(spans.length);
        else counter.failed(spans.length, failureOf(result.error));
        done(result);
      });
    },
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  };
  const batches = new BatchSpanProcessor(counting, {
    scheduledDelayMillis: batch.delayMs,
    exportTimeoutMillis: batch.timeoutMs,
    maxQueueSize: batch.queueSize,
    maxExportBatchSize: batch.size,
  });
  let isShutDown = false;
  return {
    onStart: () => undefined,
    onEnd(span) {
      if (isShutDown || waiting >= batch.queueSize) return counter.dropped(1);
      waiting += 1;
      batches.onEnd(span);
    },
    forceFlush: () => batches.forceFlush(),
    shutdown() {
      isShutDown = true;
      return batches.shutdown();
    },
  };
}

/** The codes of a failed request. Its text may quote the collector, so it is not read. */
function failureOf(error: unknown): SpanFailure {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  if (typeof code === "number") return { code: "REFUSED", httpStatus: code };
  const isSystemCode = typeof code === "string" && /^[A-Z][A-Z0-9_]{1,63}$/.test(code);
  return { code: isSystemCode ? code : "UNAVAILABLE", httpStatus: undefined };
}
