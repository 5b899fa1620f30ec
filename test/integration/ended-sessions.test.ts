/**
 * Whatever makes nghttp2 give up an HTTP/2 session ends its connection and its calls at once, and
 * no other connection.
 */
import { Client, credentials, status } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { goldenRequests as golden, wireClient } from "../support/golden-requests.ts";
import {
  connectFrames,
  flags,
  type FrameClient,
  frameTypes,
  grpcHeaders,
  headerBlock,
  headerFrames,
  http2Frame,
} from "../support/http2-frames.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
  await gateway.call(gateway.clients.keys, "countKeys", {});
}, 60_000);
afterAll(() => gateway[Symbol.asyncDispose](), 60_000);
afterEach(() => {
  gateway.emulator.faults.clear();
  gateway.emulator.requests.clear();
});

const { path, message: nothing } = golden.CountKeys();
const portOf = ({ address }: TestGateway): number => Number(address.split(":").at(-1));
const connect = (preface?: Buffer): Promise<FrameClient> => connectFrames(portOf(gateway), preface);

/** How many connections counted as broken. */
const brokenOf = async ({ metrics }: TestGateway): Promise<number> => {
  const count = /^keyprotect_gateway_client_connections_broken_total (\d+)$/m;
  return Number(count.exec(await metrics())?.[1]);
};

/**
 * Since nghttp2 1.69, Node itself ends a session that nghttp2 gives up, and its open calls with it.
 * The priorities of RFC 7540 are gone.
 */
const [nghttp2Major = 0, nghttp2Minor = 0] = (process.versions["nghttp2"] ?? "")
  .split(".")
  .map(Number);
const nodeEndsSessions = nghttp2Major > 1 || nghttp2Minor >= 69;

/** Node 20 keeps nghttp2's own bounds of cancelled calls, 1,000 at once and 33 per second. */
const canLimitResets = Number.parseInt(process.versions.node, 10) >= 22;

const dependsOnItself = (): Buffer =>
  http2Frame(frameTypes.priority, 0, 3, Buffer.from([0, 0, 0, 3, 1]));

/** Much less than the deadlines and keepalive times that ended such calls before. */
const soonMs = 2_000;

const goaway = ({ received }: FrameClient): boolean =>
  received.some(({ type }) => type === frameTypes.goaway);

/** Key Protect answers counts only after a long time. */
const holdCounts = ({ emulator }: TestGateway): unknown =>
  emulator.faults.add({
    match: { operation: "getKeyCollectionMetadata" },
    times: 1,
    delayMs: 20_000,
  });

const lastCall = (): Readonly<Record<string, unknown>> | undefined =>
  gateway.log().findLast(({ msg }) => msg === "call");

const valueOf = (bytes: number): Buffer =>
  headerFrames(3, headerBlock([...grpcHeaders(path), ["x-large", "v".repeat(bytes)]]));

/** Frames after which nghttp2 only waits for the end of the session. */
const killers: readonly (readonly [string, () => Buffer])[] = [
  ["a header value of 66,000 bytes", () => valueOf(66_000)],
  ["a header value of 100,000 bytes", () => valueOf(100_000)],
  [
    "a header block of 200,000 bytes",
    () => {
      const pairs = Array.from({ length: 200 }, (_, at) => [`x-${at}`, "v".repeat(1_000)] as const);
      return headerFrames(3, headerBlock([...grpcHeaders(path), ...pairs]));
    },
  ],
  [
    "a header block in 20 CONTINUATION frames",
    () => headerFrames(3, headerBlock(grpcHeaders(path)), 0, 8),
  ],
  [
    "a header block that cannot be decompressed",
    () => http2Frame(frameTypes.headers, flags.endHeaders, 3, Buffer.from("ffffffff7f", "hex")),
  ],
  [
    "a header block that another frame interrupts",
    () =>
      Buffer.concat([
        http2Frame(frameTypes.headers, 0, 3, headerBlock(grpcHeaders(path))),
        http2Frame(frameTypes.ping, 0, 0, Buffer.alloc(8)),
      ]),
  ],
  ["data on stream 0", () => http2Frame(frameTypes.data, 0, 0, Buffer.from("x"))],
  ["a frame above the size limit", () => http2Frame(frameTypes.data, 0, 1, Buffer.alloc(20_000))],
  ["a PING of 7 bytes", () => http2Frame(frameTypes.ping, 0, 0, Buffer.alloc(7))],
  ["SETTINGS of 5 bytes", () => http2Frame(frameTypes.settings, 0, 0, Buffer.alloc(5))],
  [
    "a window above the limit",
    () => http2Frame(frameTypes.window, 0, 0, Buffer.from("7fffffff", "hex")),
  ],
  ...(nodeEndsSessions ? [] : [["a stream that depends on itself", dependsOnItself] as const]),
  ["a second preface", () => Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")],
];

/** Cancels as many calls, after a call that Key Protect answers after half a second. */
const cancelMany = async (client: FrameClient, count: number): Promise<void> => {
  gateway.emulator.faults.add({
    match: { operation: "getKeyCollectionMetadata" },
    times: 1,
    delayMs: 500,
  });
  client.call(1, path, nothing);
  await eventually(() => gateway.upstreamRequests().length > 0);
  const reset = Buffer.from([0, 0, 0, 8]);
  for (let at = 1; at <= count; at += 1) {
    const stream = 2 * at + 1;
    client.write(
      headerFrames(stream, headerBlock(grpcHeaders(path))),
      http2Frame(frameTypes.reset, 0, stream, reset),
    );
  }
};
const answerOf = ({ received }: FrameClient): number[] =>
  received.filter(({ stream }) => stream === 1).map(({ type }) => type);

describe("sessions that nghttp2 ends", () => {
  test.each(killers)("%s ends the connection and its calls at once", async (_, killer) => {
    holdCounts(gateway);
    const broken = await brokenOf(gateway);
    using client = await connect();
    client.call(1, path, nothing);
    await eventually(() => gateway.upstreamRequests().length > 0);
    const calls = gateway.log().length;

    client.write(killer());
    await eventually(() => goaway(client));
    const begun = Date.now();
    await eventually(() => client.isClosed);
    await eventually(() =>
      gateway
        .log()
        .slice(calls)
        .some(({ msg }) => msg === "call"),
    );

    expect(Date.now() - begun).toBeLessThan(soonMs);
    const ended = gateway
      .log()
      .slice(calls)
      .filter(({ msg }) => msg === "call");
    expect(ended.filter(({ upstreamAttempts }) => upstreamAttempts === 1)).toMatchObject([
      { method: path.slice(1), code: "CANCELLED" },
    ]);
    expect(await brokenOf(gateway)).toBe(broken + 1);
  });

  if (nodeEndsSessions) {
    test("a stream that depends on itself disturbs no call, because priorities are ignored", async () => {
      using client = await connect();
      client.write(dependsOnItself());
      client.call(1, path, nothing);
      await eventually(() => client.received.some(({ stream }) => stream === 1));
      const answer = client.received.filter(({ stream }) => stream === 1);
      expect(answer.map(({ type }) => type)).toContain(frameTypes.data);
      expect(client.isClosed).toBe(false);
    });
  }

  test.each([
    ["HTTP/1.1", Buffer.from("GET / HTTP/1.1\r\nhost: a\r\n\r\n")],
    ["TLS", Buffer.from("160301020001fc0303", "hex")],
    ["a frame that is not SETTINGS", Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n000000000")],
  ])("a connection that begins with %s is closed at once", async (_, preface) => {
    const broken = await brokenOf(gateway);
    const begun = Date.now();
    using client = await connect(preface);
    await eventually(() => client.isClosed);
    expect(Date.now() - begun).toBeLessThan(soonMs);
    expect(await brokenOf(gateway)).toBe(broken + 1);
  });

  if (canLimitResets) {
    test("a client that cancels 9,000 calls at once gets the answer to its open call", async () => {
      const broken = await brokenOf(gateway);
      using client = await connect();
      await cancelMany(client, 9_000);
      await eventually(() => answerOf(client).includes(frameTypes.data));
      expect(client.isClosed).toBe(false);
      expect(goaway(client)).toBe(false);
      expect(await brokenOf(gateway)).toBe(broken);
    });
  }

  const openCallFact = nodeEndsSessions
    ? "a client that cancels too many calls loses its connection, and its open call is cancelled"
    : "a client that cancels too many calls gets the answer to its open call, and its connection ends";
  test(openCallFact, async () => {
    const broken = await brokenOf(gateway);
    using client = await connect();
    await cancelMany(client, canLimitResets ? 60_000 : 3_000);
    await eventually(() => client.isClosed);
    expect(goaway(client)).toBe(true);
    expect(await brokenOf(gateway)).toBe(broken + 1);
    if (nodeEndsSessions) {
      expect(answerOf(client)).toEqual([]);
      await eventually(() => lastCall()?.["upstreamAttempts"] === 1);
      expect(lastCall()).toMatchObject({ code: "CANCELLED" });
    } else expect(answerOf(client)).toContain(frameTypes.data);
  });

  test("a caller that closes or resets its socket does not count as one that broke the rules", async () => {
    const broken = await brokenOf(gateway);
    for (const leave of ["end", "destroy", "resetAndDestroy"] as const) {
      const calls = gateway.log().length;
      holdCounts(gateway);
      gateway.emulator.requests.clear();
      using client = await connect();
      client.call(1, path, nothing);
      await eventually(() => gateway.upstreamRequests().length > 0);
      client.socket[leave]();
      await eventually(() => gateway.log().length > calls);
    }
    expect(await brokenOf(gateway)).toBe(broken);
  });

  test("a session that nghttp2 has ended is counted, and logged without any text of the caller", async () => {
    using client = await connect();
    client.call(1, path, nothing);
    client.write(valueOf(66_000));
    await eventually(() => client.isClosed);

    const line = gateway.log().findLast(({ msg }) => String(msg).includes("HTTP/2"));
    expect(line).toMatchObject({ level: "warn", peer: expect.stringContaining("127.0.0.1:") });
    expect(JSON.stringify(line)).not.toContain("vvv");
    expect(await gateway.metrics()).toMatch(
      /^keyprotect_gateway_client_connections_broken_total [1-9]\d*$/m,
    );
  });
});

describe("a grpc-js client", () => {
  if (canLimitResets) {
    test("a client whose calls all pass their deadlines, ten times in a second, keeps its connection", async () => {
      const broken = await brokenOf(gateway);
      gateway.emulator.faults.add({
        match: { operation: "getKeyCollectionMetadata" },
        delayMs: 20_000,
      });
      const channel = new Client(gateway.address, credentials.createInsecure(), {
        "grpc.use_local_subchannel_pool": 1,
        "grpc.enable_retries": 0,
      });
      const client = wireClient(channel, path);
      const codes = new Set<status | undefined>();
      for (let round = 0; round < 10; round += 1) {
        const rest = Array.from({ length: 300 }, async () => {
          const options = { deadline: Date.now() + 100 };
          codes.add((await gateway.outcome(client, "send", nothing, options)).error?.code);
        });
        // oxlint-disable-next-line no-await-in-loop -- a round begins when all calls have ended
        await Promise.all(rest);
      }
      expect([...codes]).toEqual([status.DEADLINE_EXCEEDED]);
      expect(await brokenOf(gateway)).toBe(broken);
      channel.close();
    });
  }

  test.each([
    ["66,000 bytes that do not compress", "\u007f".repeat(66_000)],
    ["100,000 bytes that compress", "x".repeat(100_000)],
  ])(
    "a client that sends a value of %s loses its connection and can call again",
    async (_, value) => {
      const text = value.replaceAll("\u007f", "~");
      holdCounts(gateway);
      const channel = new Client(gateway.address, credentials.createInsecure(), {
        "grpc.use_local_subchannel_pool": 1,
        "grpc.enable_retries": 0,
      });
      const heavy = wireClient(channel, path, (metadata) => metadata.set("x-large", text));
      const light = wireClient(channel, path, () => {});
      const begun = Date.now();
      const held = gateway.outcome(light, "send", nothing);
      await eventually(() => gateway.upstreamRequests().length > 0);
      const refused = await gateway.outcome(heavy, "send", nothing);
      const other = await held;

      expect(Date.now() - begun).toBeLessThan(soonMs);
      expect(refused.error).toBeDefined();
      expect([status.UNAVAILABLE, status.INTERNAL]).toContain(other.error?.code);
      await eventually(() => lastCall()?.["code"] === "CANCELLED");
      expect((await gateway.outcome(light, "send", nothing)).error).toBeNull();
      channel.close();
    },
  );
});

test("a gateway announces the size of a header list that it accepts", async () => {
  using client = await connect();
  await eventually(() => client.received.length > 0);
  const settings = client.received.find(({ type }) => type === frameTypes.settings)?.payload;
  const sizes: number[] = [];
  for (let at = 0; at < (settings?.length ?? 0); at += 6) {
    if (settings?.readUInt16BE(at) === 6) sizes.push(settings.readUInt32BE(at + 2));
  }
  expect(sizes).toEqual([65_536]);
});

test("a header list above the announced size ends its own call and no other", async () => {
  using client = await connect();
  await eventually(() => client.received.length > 1);
  const pairs = Array.from({ length: 70 }, (_, at) => [`x-${at}`, "v".repeat(1_000)] as const);
  client.write(headerFrames(1, headerBlock([...grpcHeaders(path), ...pairs]), flags.endStream));
  client.call(3, path, nothing);
  await eventually(() => client.received.filter(({ stream }) => stream === 3).length > 2);

  const enhanceYourCalm = Buffer.from([0, 0, 0, 11]);
  expect(client.received.filter(({ stream }) => stream === 1)).toEqual([
    { type: frameTypes.reset, flag: 0, stream: 1, payload: enhanceYourCalm },
  ]);
  expect(client.isClosed).toBe(false);
});
