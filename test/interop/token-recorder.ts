/** A server between a client and the emulator that records requests for tokens field by field. */
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

/** A request without what may differ: order, white space, token texts, User-Agent, connection. */
export interface RecordedRequest {
  readonly method: string;
  /** Path with the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The fields of the form or of the JSON body; absent without a body. */
  readonly body: unknown;
}

/** A recorder. Disposing of it closes it. */
export interface TokenRecorder extends AsyncDisposable {
  readonly url: string;
  /** Returns the requests since the last call. */
  take(): RecordedRequest[];
}

const comparedHeaders = ["content-type", "accept", "authorization", "metadata-flavor"];

/** Tokens of the emulator: JWTs and the identity tokens of servers. */
const withoutTokens = (text: string): string =>
  text.replace(/^(?:[\w-]+\.[\w-]+\.[\w-]+|[\w-]{64})$/, "<token>");

const headersOf = (headers: IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(
    comparedHeaders.flatMap((name) => {
      const value = headers[name];
      if (typeof value !== "string") return [];
      const [scheme = "", ...rest] = value.split(" ");
      return [[name, scheme === "Bearer" ? `Bearer ${withoutTokens(rest.join(" "))}` : value]];
    }),
  );

function bodyOf(text: string, isJson: boolean): unknown {
  if (text === "") return undefined;
  if (isJson) return JSON.parse(text);
  const fields = [...new URLSearchParams(text)].map(([name, value]) => [
    name,
    withoutTokens(value),
  ]);
  return Object.fromEntries(fields);
}

/** Starts a recorder in front of the server at `target`. */
export async function startTokenRecorder(target: string): Promise<TokenRecorder> {
  let records: RecordedRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url: path = "", headers } = request;
      const body = Buffer.concat(chunks);
      const isJson = headers["content-type"] === "application/json";
      records.push({
        method,
        path,
        headers: headersOf(headers),
        body: bodyOf(body.toString(), isJson),
      });
      const { host: _host, connection: _connection, ...others } = headers;
      const forwarded = Object.entries(others).flatMap(([name, value]): [string, string][] =>
        typeof value === "string" && name !== "content-length" ? [[name, value]] : [],
      );
      void fetch(target + path, { method, headers: forwarded, body }).then(async (answer) => {
        const text = await answer.text();
        response.writeHead(answer.status, { "content-type": "application/json" }).end(text);
        return undefined;
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server has this address
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    take() {
      const taken = records;
      records = [];
      return taken;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
