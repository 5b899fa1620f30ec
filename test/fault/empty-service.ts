/** A minimal Key Protect at a chosen address, with or without TLS. */
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";

/** A server whose only response says that there are no keys. */
export interface EmptyService extends AsyncDisposable {
  readonly port: number;
  /** Methods of the received requests. */
  readonly asked: readonly string[];
  /** Number of TCP connections accepted. */
  readonly connections: number;
}

export interface EmptyServiceOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default: any free port. */
  readonly port?: number;
  /** Milliseconds after each response at which its connection is closed. Default: it stays open. */
  readonly closeAfterMs?: () => number;
  /** Default: plain text. */
  readonly tls?: ServerOptions;
}

/** Starts the server. */
export async function startEmptyService(options: EmptyServiceOptions = {}): Promise<EmptyService> {
  const { host = "127.0.0.1", port = 0, closeAfterMs, tls } = options;
  const asked: string[] = [];
  let connections = 0;
  const answer: RequestListener = (request, response) => {
    asked.push(String(request.method));
    if (closeAfterMs !== undefined) {
      const { socket } = request;
      response.once("finish", () => setTimeout(() => socket.end(), closeAfterMs()));
    }
    const metadata = { collectionType: "application/vnd.ibm.kms.key+json", collectionTotal: 0 };
    response
      .writeHead(200, { "key-total": "0", "content-type": "application/vnd.ibm.kms.key+json" })
      .end(JSON.stringify({ metadata }));
  };
  const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
  server.on("connection", () => {
    connections += 1;
  });
  server.listen(port, host);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    asked,
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
