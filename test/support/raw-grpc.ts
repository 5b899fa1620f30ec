import http2 from "node:http2";

/** The response to one request, as on the wire. */
export interface RawAnswer {
  /** Headers and trailers together. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** A gRPC client that can also send requests that no gRPC library would send. */
export interface RawGrpc extends AsyncDisposable {
  call(
    path: string,
    options: {
      readonly headers?: Readonly<Record<string, string | string[]>>;
      /** Sent unchanged. Without it the request has no message. */
      readonly body?: Buffer | undefined;
      readonly authority?: string;
    },
  ): Promise<RawAnswer>;
  /** Whether the connection is open. */
  readonly isOpen: boolean;
}

/** One gRPC frame with a message. */
export function frame(message: Buffer, isCompressed = false): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(isCompressed ? 1 : 0, 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

export async function connectRaw(port: number): Promise<RawGrpc> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  await new Promise((resolve, reject) => {
    session.once("connect", resolve);
    session.once("error", reject);
  });
  session.on("error", () => {});
  return {
    get isOpen() {
      return !session.closed && !session.destroyed;
    },
    call: (path, { headers = {}, body, authority = `127.0.0.1:${port}` }) =>
      new Promise((resolve, reject) => {
        const seen: Record<string, string | string[] | undefined> = {};
        const chunks: Buffer[] = [];
        const stream = session.request({
          ":method": "POST",
          ":path": path,
          ":authority": authority,
          "content-type": "application/grpc",
          te: "trailers",
          ...headers,
        });
        stream.on("response", (received) => Object.assign(seen, received));
        stream.on("trailers", (received) => Object.assign(seen, received));
        stream.on("data", (chunk: Buffer) => chunks.push(chunk));
        stream.on("error", reject);
        stream.on("close", () => resolve({ headers: seen, body: Buffer.concat(chunks) }));
        stream.end(body);
      }),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        if (session.destroyed) return resolve();
        session.once("close", () => resolve());
        session.destroy();
      }),
  };
}
