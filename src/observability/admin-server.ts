/** The admin server: `/metrics`, `/livez`, `/readyz`, `/state` and `/console` over HTTP. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { isIPv6 } from "node:net";
import { ListenError } from "../platform/errors.ts";
import { limitConnections } from "./admin-connections.ts";
import type { Metrics } from "./metrics/metrics.ts";
import { openMetricsType, prefersOpenMetrics } from "./metrics/open-metrics.ts";
import { stateText } from "./state.ts";
import type { GatewayState } from "./state.ts";

/** Whether the gateway should get calls, and the reasons if not. */
export interface Readiness {
  readonly isReady: boolean;
  /** Short fixed texts, such as `draining`. They are public. */
  readonly reasons: readonly string[];
}

/** Pages at and below `/console`. */
export interface AdminPages extends AsyncDisposable {
  /** Answers a GET or HEAD. Rejects, without an answer, if that is not possible. */
  answer(path: string, request: IncomingMessage, response: ServerResponse): void | Promise<void>;
}

/** Settings and sources of the admin server. */
export interface AdminOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly metrics: Pick<Metrics, "text" | "contentType" | "openMetrics">;
  /**
   * Whether the process works. Must not depend on the upstream, since a restart does not repair the
   * upstream. Default: always `true`, since an answer proves that the event loop runs.
   */
  readonly isLive?: (() => boolean) | undefined;
  readonly readiness: () => Readiness;
  /** The content of `/state`. */
  readonly state: () => GatewayState;
  /** The console. Disposed of with the server. If it is absent, `/console` says how to get it. */
  readonly pages?: AdminPages | undefined;
}

/** A listening admin server. */
export interface Admin extends AsyncDisposable {
  readonly host: string;
  /** The port in use, also if the setting is 0. */
  readonly port: number;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Connections that the listener keeps; a probe needs one for some milliseconds. */
const mostConnections = 64;

const jsonType = "application/json; charset=utf-8";

const json = (status: number, value: unknown): Answer => ({
  status,
  type: jsonType,
  body: `${JSON.stringify(value)}\n`,
});

/** The metrics in the format that the request prefers. */
const metricsFor = async (accept: string, { metrics }: AdminOptions): Promise<Answer> =>
  prefersOpenMetrics(accept)
    ? { status: 200, type: openMetricsType, body: await metrics.openMetrics() }
    : { status: 200, type: metrics.contentType, body: await metrics.text() };

const isConsolePath = (path: string): boolean =>
  path === "/console" || path.startsWith("/console/");

const noConsole: Answer = {
  status: 404,
  type: "text/plain; charset=utf-8",
  body: `The console is off. It is on by default only if the admin listener is on loopback, since it
has no authentication. GATEWAY_CONSOLE=on switches it on.
`,
};

async function answerTo(path: string, accept: string, options: AdminOptions): Promise<Answer> {
  switch (path) {
    case "/metrics":
      return metricsFor(accept, options);
    case "/livez": {
      const isLive = options.isLive?.() ?? true;
      return json(isLive ? 200 : 503, { status: isLive ? "live" : "not live" });
    }
    case "/readyz": {
      const { isReady, reasons } = options.readiness();
      return json(isReady ? 200 : 503, { status: isReady ? "ready" : "not ready", reasons });
    }
    case "/state":
      return {
        status: 200,
        type: jsonType,
        body: `${stateText(options.state())}\n`,
      };
    default:
      if (!isConsolePath(path)) return json(404, { error: "not found" });
      return options.pages === undefined ? noConsole : json(500, { error: "internal" });
  }
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  options: AdminOptions,
): Promise<void> {
  const isReading = request.method === "GET" || request.method === "HEAD";
  const [path = "/"] = (request.url ?? "/").split("?", 1);
  const { pages } = options;
  if (isReading && pages !== undefined && isConsolePath(path)) {
    try {
      return await pages.answer(path, request, response);
    } catch {
      if (response.headersSent) return void response.destroy();
    }
  }
  const answer = isReading
    ? await answerTo(path, request.headers.accept ?? "", options).catch(() =>
        json(500, { error: "internal" }),
      )
    : json(405, { error: "method not allowed" });
  response.writeHead(answer.status, {
    "content-type": answer.type,
    "content-length": Buffer.byteLength(answer.body),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(isReading ? {} : { allow: "GET, HEAD", connection: "close" }),
  });
  response.end(request.method === "HEAD" ? undefined : answer.body);
}

/**
 * Starts the HTTP server for monitoring, read-only.
 * It has no authentication and belongs on loopback or on a separate network. Rejects with a
 * `ListenError` if it cannot listen.
 */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const server = createServer(
    {
      maxHeaderSize: 8 * 1_024,
      requestTimeout: 5_000,
      headersTimeout: 5_000,
      keepAliveTimeout: 5_000,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => void handle(request, response, options),
  );
  limitConnections(server, mostConnections);
  server.maxRequestsPerSocket = 1_000;
  const { host, port } = options.listen;
  server.listen(port, host);
  await once(server, "listening").catch((error: unknown) => {
    throw new ListenError(`${isIPv6(host) ? `[${host}]` : host}:${port}`, error);
  });
  const address = server.address();
  if (address === null || typeof address === "string")
    throw new Error("no address after listening");

  return {
    host: address.address,
    port: address.port,
    async [Symbol.asyncDispose]() {
      if (!server.listening) return;
      const closed = once(server, "close");
      await options.pages?.[Symbol.asyncDispose]();
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
