/** The admin server: `/metrics`, `/livez`, `/readyz` and `/state` over HTTP. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { isIPv6 } from "node:net";
import { ListenError } from "../platform/errors.ts";
import { limitConnections } from "./admin-connections.ts";
import type { Metrics } from "./metrics/metrics.ts";
import { stateText } from "./state.ts";
import type { GatewayState } from "./state.ts";

/** Whether the gateway should get calls, and the reasons if not. */
export interface Readiness {
  readonly isReady: boolean;
  /** Short fixed texts, such as `draining`. They are public. */
  readonly reasons: readonly string[];
}

/** Settings and sources of the admin server. */
export interface AdminOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly metrics: Pick<Metrics, "text" | "contentType">;
  /**
   * Whether the process works. Must not depend on the upstream, since a restart does not repair the
   * upstream. Default: always `true`, since an answer proves that the event loop runs.
   */
  readonly isLive?: (() => boolean) | undefined;
  readonly readiness: () => Readiness;
  /** The content of `/state`. */
  readonly state: () => GatewayState;
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

async function answerTo(path: string, options: AdminOptions): Promise<Answer> {
  switch (path) {
    case "/metrics":
      return {
        status: 200,
        type: options.metrics.contentType,
        body: await options.metrics.text(),
      };
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
      return json(404, { error: "not found" });
  }
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  options: AdminOptions,
): Promise<void> {
  const isReading = request.method === "GET" || request.method === "HEAD";
  const [path = "/"] = (request.url ?? "/").split("?", 1);
  const answer = isReading
    ? await answerTo(path, options).catch(() => json(500, { error: "internal" }))
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
 * Starts the HTTP server for monitoring: `/metrics`, `/livez`, `/readyz` and `/state`, read-only.
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
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
