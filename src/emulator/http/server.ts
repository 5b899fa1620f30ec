/** The emulator's HTTP server: reads whole bodies, numbers connections and reports defects. */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Answers one request whose body has been read. */
export type RequestHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
) => Promise<void>;

/** Numbers the connections of a server, so that tests can tell reuse from reconnecting. */
export interface Connections {
  /** Registers a new connection. */
  track(socket: Socket): void;
  /** The number of the connection that a request came over, counted from 1. */
  numberOf(request: IncomingMessage): number;
  /** Connections that are open now. */
  readonly open: number;
}

/** A listening server. */
export interface HttpServer extends AsyncDisposable {
  readonly port: number;
}

const maxRequestBytes = 4 * 1024 * 1024;
const keepAliveMs = 30_000;

/** Creates the connection counter of one server. */
export function createConnections(): Connections {
  const numbers = new WeakMap<Socket, number>();
  let last = 0;
  let open = 0;
  return {
    track(socket) {
      last += 1;
      open += 1;
      numbers.set(socket, last);
      socket.once("close", () => {
        open -= 1;
      });
    },
    numberOf: ({ socket }) => numbers.get(socket) ?? 0,
    get open() {
      return open;
    },
  };
}

/**
 * Starts a server and resolves when it listens. Rejects if the port is taken. A request body larger
 * than 4 MiB ends its connection. Disposal closes all connections, including those in use.
 */
export async function startServer(
  listen: { readonly port: number; readonly host: string },
  connections: Connections,
  handle: RequestHandler,
): Promise<HttpServer> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxRequestBytes) request.destroy();
      else chunks.push(chunk);
    });
    request.on("end", () => {
      const [only] = chunks;
      const body = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
      handle(request, response, body).catch((error: unknown) => reportDefect(error, response));
    });
    // A client may close its connection in the middle of a request. That is no error here.
    request.on("error", () => undefined);
  });
  server.keepAliveTimeout = keepAliveMs;
  server.on("connection", (socket) => connections.track(socket));
  const port = await listenOn(server, listen.port, listen.host);
  return {
    port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function listenOn(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

// A defect of the emulator must not look like a rejection by the service.
function reportDefect(error: unknown, response: ServerResponse): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (response.headersSent) response.destroy();
  else response.writeHead(500, { "Content-Type": "text/plain" }).end(`emulator defect: ${text}\n`);
}
