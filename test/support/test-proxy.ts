/**
 * An HTTP proxy for tests. Every name leads to 127.0.0.1, so that a server with a name that exists
 * nowhere is reached through the proxy or not at all.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { connect, Socket } from "node:net";
import type { IssuedCertificate } from "./certificates.ts";

/** How the proxy treats the next CONNECT requests. */
export type ProxyMood =
  /** It makes the tunnel. */
  | "serve"
  /** It answers with this status and a page, and keeps the connection open. */
  | { readonly status: number }
  /** It never answers. */
  | "hang"
  /** It closes the connection without an answer. */
  | "drop"
  /** It promises a tunnel and resets it. */
  | "promise and reset";

export interface TestProxyOptions {
  /** The only accepted `user:password`. Default: nothing is asked for. */
  readonly credentials?: string;
  /** Default: the proxy itself speaks plain HTTP. */
  readonly tls?: IssuedCertificate;
}

export interface TestProxy extends AsyncDisposable {
  readonly port: number;
  /** Targets of the CONNECT requests so far, as `host:port`. */
  readonly connects: readonly string[];
  /** Connections from clients that are open now. */
  readonly open: number;
  mood: ProxyMood;
  /** Resets every connection, as a proxy that is killed does. */
  cut(): void;
}

const page = "<html>the proxy says no</html>";

const refuse = (socket: Socket, status: number): void => {
  const lines = [`HTTP/1.1 ${status} No`, `content-length: ${page.length}`, "", page];
  socket.write(lines.join("\r\n"));
};

/** Starts a proxy on a free port. Use it with `await using`. */
export async function startTestProxy(options: TestProxyOptions = {}): Promise<TestProxy> {
  const { credentials, tls } = options;
  const connects: string[] = [];
  const sockets = new Set<Socket>();
  const clients = new Set<Socket>();
  let mood: ProxyMood = "serve";

  const keep = (socket: Socket, sides: Set<Socket> = sockets): void => {
    sides.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sides.delete(socket));
  };
  const tunnel = (socket: Socket, target: string): void => {
    const through = connect(Number(target.slice(target.lastIndexOf(":") + 1)), "127.0.0.1");
    keep(through);
    through.on("connect", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(through).pipe(socket);
    });
    through.on("error", () => refuse(socket, 502));
    through.on("close", () => socket.destroy());
    socket.on("close", () => through.destroy());
  };
  const isAllowed = ({ headers }: IncomingMessage): boolean =>
    credentials === undefined ||
    headers["proxy-authorization"] === `Basic ${Buffer.from(credentials).toString("base64")}`;

  const server = tls === undefined ? createServer() : createHttpsServer(tls);
  server.on("connection", (socket: Socket) => keep(socket, clients));
  server.on("tlsClientError", () => undefined);
  server.on("connect", (request: IncomingMessage, socket) => {
    const target = request.url ?? "";
    connects.push(target);
    if (!(socket instanceof Socket)) throw new Error("not a socket");
    keep(socket);
    // Without a reader the end of the other side would not be noticed.
    socket.resume().on("end", () => socket.destroy());
    if (!isAllowed(request)) refuse(socket, 407);
    else if (mood === "serve") tunnel(socket, target);
    else if (mood === "drop") socket.destroy();
    else if (mood === "promise and reset") {
      socket.write("HTTP/1.1 200 OK\r\n\r\n", () => setImmediate(() => socket.resetAndDestroy()));
    } else if (mood !== "hang") refuse(socket, mood.status);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const cut = (): void => {
    for (const socket of clients) socket.resetAndDestroy();
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address.port,
    connects,
    get open() {
      return clients.size;
    },
    get mood() {
      return mood;
    },
    set mood(next) {
      mood = next;
    },
    cut,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      cut();
      await closed;
    },
  };
}
