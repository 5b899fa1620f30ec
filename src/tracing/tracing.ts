/** Traces of calls. This room is loaded only if they are switched on. */
import type { ServerUnaryCall } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { BeginTrace } from "../grpc/call/call-context.ts";
import type { CallObserver } from "../grpc/call/call-observer.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Layer } from "../upstream/layer.ts";
import { type AttemptTarget, createAttemptSpans } from "./attempt-spans.ts";
import { createExportLog } from "./export-log.ts";
import { RecordedCall, rpcName } from "./recorded-call.ts";
import { createSampler, type SamplerName } from "./sampler.ts";
import { remoteContext, startSdk, type SdkOptions } from "./sdk.ts";
import type { Attributes } from "./span-table.ts";
import { createTokenSpans, type TokenSpans, type TracedCredential } from "./token-spans.ts";
import { parentHeader, parseTraceContext, stateHeader, UnrecordedTrace } from "./trace-context.ts";

/** Settings and dependencies of traces. */
export interface TracingOptions extends Omit<SdkOptions, "counter"> {
  readonly sampler: SamplerName;
  /** For the samplers with a ratio, from 0 to 1. */
  readonly ratio: number;
  /** Counts spans by what became of them. */
  readonly countSpans: (result: "sent" | "failed" | "dropped", spans: number) => void;
  readonly logger: Pick<Logger, "warn">;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Traces of all calls. */
export interface Tracing {
  /** Begins the trace of a call, or continues that of its caller. */
  readonly begin: BeginTrace;
  /** Ends the spans of calls. */
  readonly observer: CallObserver;
  /** Creates the layer with a span for each request to an instance. */
  attempts(target: AttemptTarget): Layer;
  /** Creates the wrappers with a span for each exchange of a credential. */
  credential(credential: TracedCredential): TokenSpans;
  /** Sends the last spans, for `limitMs` milliseconds at most. Never rejects. */
  close(limitMs: number): Promise<void>;
}

/** Starts tracing. Nothing is sent before the first batch. */
export function startTracing(options: TracingOptions): Tracing {
  const { countSpans, clock, logger } = options;
  const logLost = createExportLog(logger, clock);
  const sdk = startSdk({
    ...options,
    counter: {
      sent: (spans) => countSpans("sent", spans),
      dropped: (spans) => countSpans("dropped", spans),
      failed(spans, failure) {
        countSpans("failed", spans);
        logLost(failure);
      },
    },
  });
  const isRecorded = createSampler(options.sampler, options.ratio, options.random);

  return {
    begin(call, rpc) {
      const { metadata } = call;
      const parents = metadata.get(parentHeader);
      const received =
        parents.length === 0 ? undefined : parseTraceContext(parents, metadata.get(stateHeader));
      if (!isRecorded(received)) return received && new UnrecordedTrace(received);
      const name = rpcName(rpc);
      const span = sdk.start({
        kind: "SERVER",
        name,
        parent: received && remoteContext(received),
        attributes: { "rpc.system.name": "grpc", "rpc.method": name, ...authorityOf(call) },
      });
      return new RecordedCall(span);
    },
    observer: {
      callEnded(outcome) {
        const { trace } = outcome.context;
        if (trace instanceof RecordedCall) trace.end(outcome);
      },
    },
    attempts: (target) => createAttemptSpans(sdk, target),
    credential: (credential) => createTokenSpans(sdk, isRecorded, credential),
    async close(limitMs) {
      let timer: Timer | undefined;
      const late = new Promise<void>((resolve) => {
        timer = clock.after(limitMs, resolve);
      });
      await Promise.race([sdk.shutdown(), late]);
      timer?.cancel();
    },
  };
}

/** The gateway's host and port as the caller names them, if they have the form of such. */
function authorityOf(call: Pick<ServerUnaryCall<unknown, unknown>, "getHost">): Attributes {
  const pattern = /^([\w.-]{1,253}|\[[\da-f:.]{2,45}\])(?::(\d{1,5}))?$/i;
  const [, host, port] = pattern.exec(call.getHost()) ?? [];
  return {
    "server.address": host?.replaceAll(/[[\]]/g, ""),
    "server.port": port === undefined ? undefined : Number(port),
  };
}
