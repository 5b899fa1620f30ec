/** The layer with a span for each request to Key Protect. */
import { UpstreamError } from "../upstream/error.ts";
import type { Layer, Send, UpstreamRequest, UpstreamResponse } from "../upstream/layer.ts";
import { outcomeOfStatus } from "../upstream/meter.ts";
import { RecordedCall } from "./recorded-call.ts";
import type { Sdk, SpanContext } from "./sdk.ts";
import { parentHeader, stateHeader, UnrecordedTrace, writeTraceParent } from "./trace-context.ts";

/** Where requests go, and what spans may say of it. */
export interface AttemptTarget {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Alias of the instance. */
  readonly instance: string;
  /** Returns a path without the query, with placeholders for IDs and names. */
  readonly templateOf: (path: string) => string;
  /** Whether the requests carry `traceparent` and `tracestate`. */
  readonly isSentUpstream: boolean;
}

/** Host and port of a URL, with the default port of its scheme. */
export function serverOf(url: string): { "server.address": string; "server.port": number } {
  const { hostname, port, protocol } = new URL(url);
  const defaultPort = protocol === "https:" ? 443 : 80;
  return { "server.address": hostname, "server.port": port === "" ? defaultPort : Number(port) };
}

/** Creates the layer. Calls that are not recorded pass it without a span. */
export function createAttemptSpans(sdk: Sdk, target: AttemptTarget): Layer {
  const server = serverOf(target.origin);

  const record = async (
    next: Send,
    request: UpstreamRequest,
    call: RecordedCall,
  ): Promise<UpstreamResponse> => {
    const { method, path } = request;
    const template = target.templateOf(path);
    const resends = call.countSend(`${method} ${path}`);
    const span = sdk.start({
      kind: "CLIENT",
      name: `${method} ${template}`,
      parent: call.context,
      attributes: {
        "http.request.method": method,
        "http.request.resend_count": resends === 0 ? undefined : resends,
        ...server,
        "url.full": `${target.origin}${template}`,
        "url.template": template,
        "network.protocol.version": "1.1",
        "keyprotect.instance": target.instance,
      },
    });
    try {
      const sent = target.isSentUpstream ? withHeaders(request, headersOf(span.context)) : request;
      const response = await next(sent);
      const { status } = response;
      span.set({
        "http.response.status_code": status,
        "keyprotect.attempt.outcome": outcomeOfStatus(status),
      });
      span.end(status >= 400 ? String(status) : undefined);
      return response;
    } catch (error) {
      const code = error instanceof UpstreamError ? error.code : "DEFECT";
      span.set({ "keyprotect.attempt.outcome": code });
      span.end(code);
      throw error;
    }
  };

  return (next) => (request) => {
    const { trace, signal } = request.call;
    // Nothing is sent for a call that has ended.
    if (trace === undefined || signal.aborted) return next(request);
    if (trace instanceof RecordedCall) return record(next, request, trace);
    const isPassedOn = target.isSentUpstream && trace instanceof UnrecordedTrace;
    return next(isPassedOn ? withHeaders(request, receivedHeaders(trace)) : request);
  };
}

const withHeaders = (
  request: UpstreamRequest,
  headers: Readonly<Record<string, string>>,
): UpstreamRequest => ({ ...request, headers: { ...request.headers, ...headers } });

function headersOf({ traceId, spanId, traceState }: SpanContext): Record<string, string> {
  const state = traceState?.serialize() ?? "";
  return {
    [parentHeader]: writeTraceParent({ traceId, spanId, isSampled: true }),
    ...(state === "" ? {} : { [stateHeader]: state }),
  };
}

/** The gateway has no span in this trace, so the caller's remains the parent. */
const receivedHeaders = ({ received }: UnrecordedTrace): Record<string, string> => ({
  [parentHeader]: writeTraceParent(received),
  ...(received.state === undefined ? {} : { [stateHeader]: received.state }),
});
