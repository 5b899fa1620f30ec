/** The console: a read-only page about the gateway at `/console` of the admin listener. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { status } from "@grpc/grpc-js";
import type { CallObserver } from "../grpc/call/call-observer.ts";
import type { AdminPages } from "../observability/admin-server.ts";
import type { Clock } from "../platform/clock.ts";
import { assetOf, readTemplate } from "./assets.ts";
import { createCallers } from "./samples/callers.ts";
import { createEventStreams, formatEvent } from "./events.ts";
import { createFailures } from "./samples/failures.ts";
import { isHostAllowed } from "./host-check.ts";
import { circuitStates, type HistoryMessage, phases, type SampleMessage } from "./messages.ts";
import { instanceCells, type PageContent, pageHtml } from "./page.ts";
import { type Readings, type SampleTaker, startSampler } from "./samples/sampler.ts";
import { pageText } from "./text-page.ts";

/** Settings and sources of the console. */
export interface ConsoleOptions {
  readonly readings: Readings;
  /** Calls of an instance that wait for a permit, by caller. */
  readonly waitingOf: (instance: string) => ReadonlyMap<string, number>;
  /** Seconds until the certificate of the gRPC listeners expires; `undefined` without TLS. */
  readonly certificateSeconds: () => number | undefined;
  /** Whether callers are named. Otherwise they are numbered. */
  readonly namesCallers: boolean;
  /** Names under which the console may be opened, beside IP addresses and `localhost`. */
  readonly hosts: readonly string[];
  readonly clock: Clock;
}

/** A console that observes calls, takes samples and answers requests. */
export interface Console {
  /** Has to be told of all calls. */
  readonly observer: CallObserver;
  /** Answers requests. Disposing of them ends the events and the samples. */
  readonly pages: AdminPages;
}

/** Failed calls that are kept. */
const mostFailures = 200;

/**
 * Only the gateway's own files are loaded, and nothing may be embedded or framed. No inline style
 * and no inline script is allowed; uPlot sets its styles through the CSSOM.
 */
const securityHeaders: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
};

/** Answers with a body of known length. */
function send(
  request: IncomingMessage,
  response: ServerResponse,
  httpStatus: number,
  type: string,
  body: string | Buffer,
): void {
  response.writeHead(httpStatus, {
    ...securityHeaders,
    "content-type": type,
    "content-length": Buffer.byteLength(body),
    vary: "accept",
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

const plain = "text/plain; charset=utf-8";

/** Answers with a file of the page. */
async function sendAsset(
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const asset = await assetOf(name);
  if (asset === undefined) send(request, response, 404, plain, "not found\n");
  else send(request, response, 200, asset.type, asset.body);
}

/** Starts the console: from now on it takes a sample each second. */
export function createConsole(options: ConsoleOptions): Console {
  const { readings, waitingOf, certificateSeconds, namesCallers, hosts, clock } = options;
  const failures = createFailures(mostFailures, namesCallers);
  const callers = createCallers(namesCallers);
  const streams = createEventStreams(securityHeaders);
  /** The newest failure that the open pages know. */
  let toldFailure = 0;

  const sampleText = (
    { latest }: Pick<SampleTaker, "latest">,
    instance: string,
    newFailures: SampleMessage["failures"],
  ): string => {
    const { at, state, summaries, points, latency, p50, p99 } = latest();
    const point = points[instance];
    if (point === undefined) return ": no such instance any more\n\n";
    const message: SampleMessage = {
      at,
      state,
      summaries,
      cells: instanceCells({ state, summaries }),
      point,
      latency,
      p50,
      p99,
      callers: callers.sharesOf(instance, waitingOf(instance)),
      failures: newFailures,
      failureCount: failures.count,
      certificateSeconds: certificateSeconds() ?? null,
    };
    return formatEvent("sample", message);
  };
  const sampler = startSampler(readings, clock, (self) => {
    callers.tick();
    const since = failures.since(toldFailure);
    toldFailure = failures.count;
    streams.publish((instance) => sampleText(self, instance, since));
  });
  const historyText = (instance: string): string => {
    const message: HistoryMessage = {
      instance,
      ...sampler.history.columnsOf(instance),
      bounds: readings.bounds,
      phases,
      circuitStates,
      namesCallers,
      failures: failures.since(),
    };
    return formatEvent("history", message);
  };
  const instanceOf = (url: string): string => {
    const aliases = Object.keys(sampler.latest().state.instances);
    const wanted = new URLSearchParams(url.split("?", 2)[1]).get("instance") ?? "";
    return aliases.includes(wanted) ? wanted : (aliases[0] ?? "");
  };
  const contentOf = (instance: string): PageContent => {
    const state = readings.state();
    return {
      latest: { ...sampler.latest(), state, summaries: sampler.summaries(state) },
      instance,
      callers: callers.sharesOf(instance, waitingOf(instance)),
      failures: failures.since().toReversed(),
      failureCount: failures.count,
      certificateSeconds: certificateSeconds(),
    };
  };
  const sendPage = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const content = contentOf(instanceOf(request.url ?? ""));
    const { accept = "" } = request.headers;
    if (accept.includes("text/html")) {
      const html = pageHtml(await readTemplate(), content);
      send(request, response, 200, "text/html; charset=utf-8", html);
    } else send(request, response, 200, plain, pageText(content));
  };
  const sendEvents = (request: IncomingMessage, response: ServerResponse): void => {
    const type = "text/event-stream; charset=utf-8";
    if (request.method === "HEAD") return send(request, response, 200, type, "");
    const instance = instanceOf(request.url ?? "");
    // The newest sample follows the history at once, so that the page is complete.
    const first = (): string => historyText(instance) + sampleText(sampler, instance, []);
    if (!streams.open(response, instance, first)) {
      send(request, response, 503, plain, "too many consoles are open\n");
    }
  };

  return {
    observer: {
      callEnded(outcome) {
        callers.ended(outcome);
        if (outcome.code !== status.OK) failures.add(outcome, clock.wallNow());
      },
    },
    pages: {
      async answer(path, request, response) {
        if (!isHostAllowed(request.headers.host, hosts)) {
          const text =
            "the console does not answer to this host name; open it by IP address, or set GATEWAY_CONSOLE_HOSTS\n";
          return send(request, response, 421, plain, text);
        }
        if (path === "/console" || path === "/console/") return sendPage(request, response);
        if (path === "/console/events") return sendEvents(request, response);
        return sendAsset(path.slice("/console/".length), request, response);
      },
      [Symbol.asyncDispose]() {
        sampler[Symbol.dispose]();
        streams.close();
        return Promise.resolve();
      },
    },
  };
}
