import { once } from "node:events";
import { createServer } from "node:net";
import type { Socket } from "node:net";

/** A TCP server that sends any bytes, HTTP or not. */
export interface RawServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** Connections that have ended. */
  readonly closed: number;
  /** Heads of the requests received so far, in order. */
  readonly requests: readonly string[];
}

/** Answers a request on its connection `socket`. `count` is the number of the request, from 1. */
export type Answer = (socket: Socket, count: number, head: string) => void;

/** Starts a server. `answer` is called per request head, `onConnection` before any byte. */
export async function startRawServer(
  answer: Answer,
  onConnection: (socket: Socket) => void = () => undefined,
): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  let accepted = 0;
  const server = createServer((socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    let received = "";
    socket.on("data", (bytes) => {
      received += bytes.toString("latin1");
      for (;;) {
        const end = received.indexOf("\r\n\r\n");
        if (end < 0) return;
        const head = received.slice(0, end);
        const length = Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0);
        if (received.length < end + 4 + length) return;
        received = received.slice(end + 4 + length);
        requests.push(head);
        answer(socket, requests.length, head);
      }
    });
    onConnection(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    origin: `http://127.0.0.1:${address.port}`,
    port: address.port,
    get accepted() {
      return accepted;
    },
    get closed() {
      return accepted - sockets.size;
    },
    requests,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** A complete HTTP response. */
export const httpAnswer = (
  body: string,
  { status = 200, headers = [] as readonly string[] } = {},
): string =>
  [`HTTP/1.1 ${status} -`, `content-length: ${Buffer.byteLength(body)}`, ...headers, "", body].join(
    "\r\n",
  );
