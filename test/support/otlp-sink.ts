/** A collector for tests: receives spans over OTLP/HTTP and decodes their protobuf. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingHttpHeaders, RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { gunzipSync } from "node:zlib";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { eventually } from "./eventually.ts";

/** The value of an attribute. */
type Value = string | number | boolean;
/** Attributes by name. */
export type SeenAttributes = Readonly<Record<string, Value>>;

export interface SeenLink {
  readonly traceId: string;
  readonly spanId: string;
}

export interface SeenEvent {
  readonly name: string;
  /** Nanoseconds since the Unix epoch. */
  readonly at: bigint;
  readonly attributes: SeenAttributes;
}

/** A span that arrived. */
export interface SeenSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty without a parent. */
  readonly parentId: string;
  readonly state: string;
  readonly name: string;
  readonly kind: "SERVER" | "CLIENT" | "other";
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: SeenAttributes;
  readonly events: readonly SeenEvent[];
  readonly links: readonly SeenLink[];
  readonly isError: boolean;
  /** Text of the status. */
  readonly message: string;
  readonly resource: SeenAttributes;
}

export interface SinkRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A listening collector. */
export interface OtlpSink extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly SinkRequest[];
  readonly spans: () => readonly SeenSpan[];
  /** All that arrived, as text, for the search for secrets. */
  readonly text: () => string;
  /** Resolves with the first span that fits. */
  find(fits: (span: SeenSpan) => boolean): Promise<SeenSpan>;
  /** Answers with another status from now on; `undefined`: never. */
  answerWith(status: number | undefined): void;
}

/** The fields of a message, by number: numbers as they are, all others as bytes. */
type Fields = ReadonlyMap<number, readonly (Buffer | bigint)[]>;

function fieldsOf(bytes: Uint8Array): Fields {
  const fields = new Map<number, (Buffer | bigint)[]>();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const values = fields.get(number) ?? [];
    fields.set(number, values);
    if (type === WireType.Varint) values.push(BigInt(reader.uint64()));
    else if (type === WireType.Bit64) values.push(BigInt(reader.fixed64()));
    else if (type === WireType.Bit32) values.push(BigInt(reader.fixed32()));
    else if (type === WireType.LengthDelimited) values.push(Buffer.from(reader.bytes()));
    else throw new Error(`wire type ${type}`);
  }
  return fields;
}

const messages = (fields: Fields, number: number): Buffer[] =>
  (fields.get(number) ?? []).filter((value) => Buffer.isBuffer(value));
const hex = (fields: Fields, number: number): string =>
  messages(fields, number)[0]?.toString("hex") ?? "";
const text = (fields: Fields, number: number): string =>
  messages(fields, number)[0]?.toString() ?? "";
const integer = (fields: Fields, number: number): bigint => {
  const [value = 0n] = fields.get(number) ?? [];
  return typeof value === "bigint" ? value : 0n;
};

function valueOf(bytes: Buffer): Value {
  const fields = fieldsOf(bytes);
  if (fields.has(1)) return text(fields, 1);
  if (fields.has(2)) return integer(fields, 2) === 1n;
  if (fields.has(3)) return Number(integer(fields, 3));
  const double = Buffer.alloc(8);
  double.writeBigUInt64LE(integer(fields, 4));
  if (fields.has(4)) return double.readDoubleLE();
  throw new Error("an attribute of another kind");
}

const attributesIn = (fields: Fields, number: number): SeenAttributes =>
  Object.fromEntries(
    messages(fields, number).map((bytes) => {
      const pair = fieldsOf(bytes);
      return [text(pair, 1), valueOf(messages(pair, 2)[0] ?? Buffer.alloc(0))];
    }),
  );

const kinds: Readonly<Record<string, SeenSpan["kind"]>> = { 2: "SERVER", 3: "CLIENT" };

function spanOf(bytes: Buffer, resource: SeenAttributes): SeenSpan {
  const fields = fieldsOf(bytes);
  const status = fieldsOf(messages(fields, 15)[0] ?? Buffer.alloc(0));
  return {
    traceId: hex(fields, 1),
    spanId: hex(fields, 2),
    state: text(fields, 3),
    parentId: hex(fields, 4),
    name: text(fields, 5),
    kind: kinds[String(integer(fields, 6))] ?? "other",
    start: integer(fields, 7),
    end: integer(fields, 8),
    attributes: attributesIn(fields, 9),
    events: messages(fields, 11)
      .map(fieldsOf)
      .map((event) => ({
        name: text(event, 2),
        at: integer(event, 1),
        attributes: attributesIn(event, 3),
      })),
    links: messages(fields, 13)
      .map(fieldsOf)
      .map((link) => ({ traceId: hex(link, 1), spanId: hex(link, 2) })),
    isError: integer(status, 3) === 2n,
    message: text(status, 2),
    resource,
  };
}

/** The spans of an `ExportTraceServiceRequest`. */
const spansIn = (body: Buffer): SeenSpan[] =>
  messages(fieldsOf(body), 1)
    .map(fieldsOf)
    .flatMap((ofResource) => {
      const resource = attributesIn(fieldsOf(messages(ofResource, 1)[0] ?? Buffer.alloc(0)), 1);
      return messages(ofResource, 2)
        .map(fieldsOf)
        .flatMap((ofScope) => messages(ofScope, 2).map((bytes) => spanOf(bytes, resource)));
    });

/** Starts a collector on loopback, with TLS if it gets a certificate. */
export async function startOtlpSink(tls?: {
  readonly cert: string;
  readonly key: string;
}): Promise<OtlpSink> {
  const requests: SinkRequest[] = [];
  const spans: SeenSpan[] = [];
  let status: number | undefined = 200;
  const onRequest: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { url = "", headers } = request;
      const received = Buffer.concat(chunks);
      const body = headers["content-encoding"] === "gzip" ? gunzipSync(received) : received;
      requests.push({ path: url, headers, body });
      if (status === undefined) return;
      if (status === 200) spans.push(...spansIn(body));
      response.writeHead(status, { "content-type": "application/x-protobuf" }).end();
    });
  };
  const server = tls === undefined ? createServer(onRequest) : createTlsServer(tls, onRequest);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${address.port}`,
    requests,
    spans: () => spans,
    text: () =>
      [
        // Texts of protobuf are UTF-8, and no attribute holds bytes.
        ...requests.map(({ body }) => body.toString()),
        ...requests.map(({ headers }) => JSON.stringify(headers)),
      ].join("\n"),
    async find(fits) {
      await eventually(() => spans.some(fits));
      const found = spans.find(fits);
      if (found === undefined) throw new Error("it was there");
      return found;
    },
    answerWith(next) {
      status = next;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
