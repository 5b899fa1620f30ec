/** Servers that take the place of Key Protect or IAM. */
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";

/** A server on a free port of the loopback interface. */
export interface Listening extends AsyncDisposable {
  readonly origin: string;
  /** Received requests, for example `GET /api/v2/keys`. */
  readonly requests: readonly string[];
}

/** Starts a server on a free port. */
export async function listening(scheme: "http" | "https", server: Server): Promise<Listening> {
  const requests: string[] = [];
  server.on("request", ({ method, url }) => requests.push(`${method} ${url}`));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    origin: `${scheme}://127.0.0.1:${address.port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

/** Starts a server that answers every request with the same response. */
export const startAnswering = (
  status: number,
  headers: Record<string, string> = {},
  body = "",
): Promise<Listening> => {
  const answer: RequestListener = (_, response) => {
    response.writeHead(status, headers).end(body);
  };
  return listening("http", createServer(answer));
};
