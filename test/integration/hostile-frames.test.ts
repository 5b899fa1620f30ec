/**
 * Frames that no gRPC library sends. Each ends its own call and no other, with a status where one
 * can be sent.
 */
import { Client, credentials, status } from "@grpc/grpc-js";
import { once } from "node:events";
import http2 from "node:http2";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { goldenRequests as golden, wireClient, wireField } from "../support/golden-requests.ts";
import { connectRaw, frame, type RawGrpc } from "../support/raw-grpc.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";

const accidents: unknown[] = [];
const onAccident = (reason: unknown): void => void accidents.push(reason);

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
  await gateway.call(gateway.clients.keys, "countKeys", {});
}, 60_000);
afterAll(() => gateway[Symbol.asyncDispose](), 60_000);

const connect = (): Promise<RawGrpc> => connectRaw(Number(gateway.address.split(":").at(-1)));

/** Creates a client that shares its connection with no other client. */
function ownClient(address: string): Disposable & { readonly client: Client } {
  const client = new Client(address, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
  return { client, [Symbol.dispose]: () => client.close() };
}

interface Counts {
  readonly started: number;
  readonly handled: number;
  readonly byLibrary: number;
}

async function counts(): Promise<Counts> {
  const text = await gateway.metrics();
  const sum = (name: string): number =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, "gm"))].reduce(
      (total, [, value]) => total + Number(value),
      0,
    );
  return {
    started: sum("grpc_server_started_total"),
    handled: sum("grpc_server_handled_total"),
    byLibrary: sum("keyprotect_gateway_ended_by_library_total"),
  };
}

/**
 * The counter of a call: the gateway if it answered, the interceptor for calls that grpc-js answers
 * itself, or none for a call without a method.
 */
type CountedBy = "gateway" | "library" | "nobody";

async function expectCounted(before: Counts, by: CountedBy): Promise<void> {
  const calls = by === "nobody" ? 0 : 1;
  await expect.poll(counts, { timeout: 10_000 }).toEqual({
    started: before.started + calls,
    handled: before.handled + calls,
    byLibrary: before.byLibrary + (by === "library" ? 1 : 0),
  });
}

beforeEach(() => {
  gateway.emulator.requests.clear();
  accidents.length = 0;
  process.on("unhandledRejection", onAccident);
  process.on("uncaughtException", onAccident);
});

/**
 * After each test the process lives, Key Protect has received nothing, and the next call succeeds.
 */
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", onAccident);
  process.off("uncaughtException", onAccident);
  expect(accidents).toEqual([]);
  expect(gateway.upstreamRequests()).toEqual([]);
  const { host, port } = gateway.gateway.admin;
  expect((await fetch(`http://${host}:${port}/livez`)).status).toBe(200);
  await gateway.call(gateway.clients.keys, "countKeys", {});
});

const { path: countKeys, message: nothing } = golden.CountKeys();
const { path: wrapKey, message: wrapping } = golden.WrapKey();
const good = frame(wrapping);
const { message: misnamed } = golden.WrapKey({ keyId: "../x" });
const bad = frame(misnamed);
const gzip = { "grpc-encoding": "gzip" };

/** Nested groups, which a decoder skips by recursion. */
const nested = (depth: number): Buffer =>
  Buffer.concat([Buffer.alloc(depth, (15 << 3) | 3), Buffer.alloc(depth, (15 << 3) | 4)]);

const cut = (body: Buffer, bytes: number): Buffer => body.subarray(0, body.length - bytes);

describe("a body that is not one message", () => {
  test.each<[string, { headers?: Record<string, string>; body?: Buffer }, string]>([
    ["no message at all", {}, "12"],
    ["half a frame header", { body: good.subarray(0, 3) }, "12"],
    ["a frame header without its message", { body: good.subarray(0, 5) }, "12"],
    ["a frame cut short", { body: cut(good, 1) }, "12"],
    ["two messages", { body: Buffer.concat([good, good]) }, "12"],
    [
      "a compressed frame that is not gzip",
      { headers: gzip, body: frame(Buffer.from("not gzip"), true) },
      "13",
    ],
    [
      "a gzip stream cut short",
      { headers: gzip, body: frame(cut(gzipSync(wrapping), 8), true) },
      "13",
    ],
    ["a gzip bomb", { headers: gzip, body: frame(gzipSync(Buffer.alloc(50_000_000)), true) }, "8"],
    [
      "a compression that is not known",
      { headers: { "grpc-encoding": "snappy" }, body: frame(wrapping, true) },
      "12",
    ],
    [
      "a field that claims more bytes than there are",
      { body: frame(Buffer.from([0x0a, 0xff, 0xff, 0x01])) },
      "13",
    ],
    ["a tag without end", { body: frame(Buffer.alloc(32, 0xff)) }, "13"],
    ["a group that never ends", { body: frame(Buffer.from([(15 << 3) | 3])) }, "13"],
    ["50,000 groups within each other", { body: frame(nested(50_000)) }, "13"],
    ["a message of 5 MB", { body: frame(Buffer.alloc(5_000_000)) }, "8"],
    [
      "a message one byte above the limit",
      { body: frame(wireField.bytes(9, Buffer.alloc(196_608 - 4 + 1))) },
      "8",
    ],
    ["a frame that claims 4 GB", { body: Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]) }, "8"],
    ["JSON", { body: frame(Buffer.from('{"keyId":"x"}')) }, "13"],
  ])("a body is rejected that is %s", async (_, request, expected) => {
    const before = await counts();
    await using raw = await connect();
    const answer = await raw.call(wrapKey, request);
    expect(answer.headers["grpc-status"]).toBe(expected);
    expect(answer.body.length).toBe(0);
    await expectCounted(before, "library");
  });
});

test("a call whose body never ends is ended at its deadline", async () => {
  const before = await counts();
  const session = http2.connect(`http://${gateway.address}`);
  const stream = session.request({
    ":method": "POST",
    ":path": wrapKey,
    "content-type": "application/grpc",
    "grpc-timeout": "300m",
    te: "trailers",
  });
  stream.on("error", () => {});
  stream.write(good.subarray(0, 20));
  const [headers] = await once(stream, "response");
  expect(headers["grpc-status"]).toBe("4");
  await expectCounted(before, "library");
  session.destroy();
});

/** Requests that grpc-js accepts reach the gateway's validation. The request here is invalid. */
describe("requests that grpc-js accepts", () => {
  test.each<[string, { headers?: Record<string, string>; body: Buffer }]>([
    ["a good gzip frame", { headers: gzip, body: frame(gzipSync(misnamed), true) }],
    ["a compressed frame without a compression, as it is", { body: frame(misnamed, true) }],
    ["a tag of field 0, as the end of the message", { body: frame(Buffer.from([0, 0])) }],
    ["an empty message", { body: frame(Buffer.alloc(0)) }],
    ["a negative timeout, without its sign", { headers: { "grpc-timeout": "-60S" }, body: bad }],
    [
      "a timeout of 20 digits, by the last eight",
      { headers: { "grpc-timeout": `${"9".repeat(20)}S` }, body: bad },
    ],
    ["a timeout of 365 days", { headers: { "grpc-timeout": "31536000S" }, body: bad }],
    ["PUT instead of POST", { headers: { ":method": "PUT" }, body: bad }],
  ])("the gateway answers a request with %s", async (_, request) => {
    const before = await counts();
    await using raw = await connect();
    const answer = await raw.call(wrapKey, request);
    expect(answer.headers["grpc-status"]).toBe("3");
    expect(answer.headers["grpc-status-details-bin"]).toBeDefined();
    expect(answer.headers["x-correlation-id"]).toMatch(/^[0-9a-f-]{36}$/);
    await expectCounted(before, "gateway");
  });

  test("the gateway answers a request with a foreign authority", async () => {
    const before = await counts();
    await using raw = await connect();
    const answer = await raw.call(wrapKey, { authority: "evil.example.com", body: bad });
    expect(answer.headers["grpc-status"]).toBe("3");
    await expectCounted(before, "gateway");
  });
});

describe("headers", () => {
  test.each([
    ["a word", "soon"],
    ["no unit", "10"],
    ["an unknown unit", "10y"],
    ["nothing", ""],
  ])("a grpc-timeout of %s is rejected", async (_, timeout) => {
    const before = await counts();
    await using raw = await connect();
    const answer = await raw.call(wrapKey, { headers: { "grpc-timeout": timeout }, body: good });
    expect(answer.headers["grpc-status"]).toBe("13");
    await expectCounted(before, "library");
  });

  test.each([
    ["0 seconds", "0S"],
    ["1 nanosecond", "1n"],
  ])("a grpc-timeout of %s leaves no time, and nothing is sent", async (_, timeout) => {
    const before = await counts();
    await using raw = await connect();
    const answer = await raw.call(wrapKey, { headers: { "grpc-timeout": timeout }, body: good });
    // The library's own timer may fire up to a millisecond earlier.
    expect(answer.headers["grpc-status"]).toBe("4");
    await expect
      .poll(async () => (await counts()).handled, { timeout: 10_000 })
      .toBe(before.handled + 1);
  });

  test.each([
    ["24 days", "2073600S"],
    ["25 days", "2160000S"],
    ["30 days", "43200M"],
    ["45 days", "1080H"],
    ["49.7 days, which is 0 in 32 bits", "4294968S"],
    ["90 days", "7776000S"],
    ["365 days", "31536000S"],
    ["1157 days", "99999999S"],
    ["99999999 hours", "99999999H"],
  ])("a grpc-timeout of %s becomes the longest possible deadline", async (_, timeout) => {
    await using raw = await connect();
    const headers = { "grpc-timeout": timeout };
    const answer = await raw.call(countKeys, { headers, body: frame(nothing) });
    expect(answer.headers["grpc-status"]).toBe("0");
    expect(gateway.upstreamRequests()).toEqual(["HEAD /api/v2/keys"]);
    gateway.emulator.requests.clear();
  });

  test.each([80, 120])("a request with %d header pairs is rejected", async (pairs) => {
    const before = await counts();
    await using raw = await connect();
    const headers = Object.fromEntries(
      Array.from({ length: pairs }, (_, at) => [`x-pair-${at}`, "value"]),
    );
    const answer = await raw.call(wrapKey, { headers, body: good });
    expect(answer.headers["grpc-status"]).toBe("8");
    await expectCounted(before, "gateway");
  });

  test("a request with 200 KB of headers fails alone", async () => {
    const { address, clients, emulator } = gateway;
    // The sender has its own connection, because a header list can break it.
    using sender = ownClient(address);
    const heavy = wireClient(sender.client, wrapKey, (metadata) => {
      for (let at = 0; at < 10; at += 1) metadata.set(`x-large-${at}`, "x".repeat(20_000));
    });
    emulator.faults.add({
      match: { operation: "getKeyCollectionMetadata" },
      times: 1,
      delayMs: 300,
    });
    const meanwhile = gateway.call(clients.keys, "countKeys", {});
    const { error } = await gateway.outcome(heavy, "send", wrapping);
    // Node resets the stream with ENHANCE_YOUR_CALM.
    expect(error?.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(await meanwhile).toEqual({ totalSize: 0 });
    expect(gateway.upstreamRequests()).toEqual(["HEAD /api/v2/keys"]);
    emulator.requests.clear();
  });
});

describe("requests that are not gRPC", () => {
  test.each<
    [string, string, { headers?: Record<string, string>; body?: Buffer }, Record<string, string>]
  >([
    [
      "a method that is not there",
      "/keyprotect.v1.KeysService/DropKeys",
      { body: good },
      { "grpc-status": "12" },
    ],
    [
      "a service that is not there",
      "/keyprotect.v9.KeysService/GetKey",
      { body: good },
      { "grpc-status": "12" },
    ],
    ["a name of objects", "/__proto__/constructor", { body: good }, { "grpc-status": "12" }],
    ["a path into the file system", "/../../etc/passwd", { body: good }, { "grpc-status": "12" }],
    ["no path to speak of", "/", { body: good }, { "grpc-status": "12" }],
    [
      "a content type of JSON",
      wrapKey,
      { headers: { "content-type": "application/json" }, body: good },
      { ":status": "415" },
    ],
    [
      "a content type of forms",
      wrapKey,
      { headers: { "content-type": "text/html" }, body: good },
      { ":status": "415" },
    ],
  ])("a request is rejected with %s", async (_, path, request, expected) => {
    const before = await counts();
    await using raw = await connect();
    const answer = await raw.call(path, request);
    for (const [name, value] of Object.entries(expected)) {
      expect(String(answer.headers[name])).toBe(value);
    }
    await expectCounted(before, "nobody");
  });

  test.each(["GET", "DELETE"])(
    "a request with method %s and without a body is rejected",
    async (method) => {
      await using raw = await connect();
      const answer = await raw.call(wrapKey, { headers: { ":method": method } });
      expect(answer.headers["grpc-status"]).toBe("12");
    },
  );

  test.each(["/var/run/gateway.sock", "", "a b", "a@b/c"])(
    "a request with authority %j resets the stream and not the connection",
    async (authority) => {
      const before = await counts();
      await using raw = await connect();
      await expect(raw.call(wrapKey, { authority, body: good })).rejects.toThrow(
        "NGHTTP2_PROTOCOL_ERROR",
      );
      await expectCounted(before, "nobody");
      const next = await raw.call(wrapKey, { body: bad });
      expect(next.headers["grpc-status"]).toBe("3");
    },
  );
});
