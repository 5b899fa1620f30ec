/** Bounds of the memory, time and streams that callers use before a request is complete. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { eventually } from "../support/eventually.ts";
import { goldenRequests as golden } from "../support/golden-requests.ts";
import {
  connectFrames,
  type FrameClient,
  flags,
  frameTypes,
  grpcHeaders,
  headerBlock,
  headerFrames,
  http2Frame,
  type ReceivedFrame,
} from "../support/http2-frames.ts";
import { frame } from "../support/raw-grpc.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";
import { statusDetails } from "../support/status-details.ts";

const { path } = golden.WrapKey();
const maxReceivingBytes = 4_194_304;

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({
    env: {
      GATEWAY_MAX_RECEIVING_BYTES: String(maxReceivingBytes),
      GATEWAY_LOG_LEVEL: "info",
    },
  });
  await gateway.call(gateway.clients.keys, "countKeys", {});
}, 60_000);
afterAll(() => gateway[Symbol.asyncDispose](), 60_000);

const portOf = ({ address }: TestGateway): number => Number(address.split(":").at(-1));

/** Data frames with the first `bytes` of a message that claims more. */
const partOf = (stream: number, bytes: number): Buffer => {
  const body = frame(Buffer.alloc(190_000)).subarray(0, bytes);
  const frames: Buffer[] = [];
  for (let at = 0; at < body.length; at += 16_384) {
    frames.push(http2Frame(frameTypes.data, 0, stream, body.subarray(at, at + 16_384)));
  }
  return Buffer.concat(frames);
};

const begin = (client: FrameClient, stream: number): void =>
  client.write(headerFrames(stream, headerBlock(grpcHeaders(path))));

const metric = async (name: string, from = gateway): Promise<number> => {
  const text = await from.metrics();
  return Number(new RegExp(`^${name.replace(/[{}]/g, "\\$&")} (.+)$`, "m").exec(text)?.[1]);
};

const framesOf = ({ received }: FrameClient, of: number): ReceivedFrame[] =>
  received.filter(({ stream }) => stream === of);

const resets = ({ received }: FrameClient): number =>
  received.filter(({ type }) => type === frameTypes.reset).length;

test("a request that arrives in two parts counts only until it is complete", async () => {
  using client = await connectFrames(portOf(gateway));
  const body = frame(Buffer.alloc(1_000));
  begin(client, 1);
  client.write(http2Frame(frameTypes.data, 0, 1, body.subarray(0, 500)));
  await eventually(async () => (await metric("keyprotect_gateway_receiving_bytes")) > 0);
  client.write(http2Frame(frameTypes.data, flags.endStream, 1, body.subarray(500)));
  await eventually(() => framesOf(client, 1).length > 0);
  expect(await metric("keyprotect_gateway_receiving_bytes")).toBe(0);
});

describe("1,000 half-sent messages on one connection", () => {
  test("their memory is bounded, and a caller on another connection is served in time", async () => {
    using client = await connectFrames(portOf(gateway));
    for (let at = 0; at < 1_000; at += 1) begin(client, 2 * at + 1);
    for (let at = 0; at < 1_000; at += 1) client.write(partOf(2 * at + 1, 60_000));
    await eventually(() => resets(client) > 900);

    expect(await metric("keyprotect_gateway_receiving_bytes")).toBeLessThanOrEqual(
      maxReceivingBytes,
    );
    const begun = Date.now();
    await gateway.call(gateway.clients.keys, "countKeys", {});
    expect(Date.now() - begun).toBeLessThan(1_000);
    const refused = await metric('keyprotect_gateway_incomplete_requests_total{cause="bytes"}');
    expect(await metric('keyprotect_gateway_rejected_total{reason="REQUEST_INCOMPLETE"}')).toBe(
      refused,
    );
    // Those that were answered are reset a second later.
    await eventually(() => resets(client) >= refused);
    expect(client.isClosed).toBe(false);

    client.socket.destroy();
    await eventually(async () => (await metric("keyprotect_gateway_receiving_bytes")) === 0);
  });

  test("a stream that sends nothing counts too", async () => {
    using client = await connectFrames(portOf(gateway));
    for (let at = 0; at < 1_000; at += 1) begin(client, 2 * at + 1);
    await eventually(() => resets(client) > 400);
    expect(await metric("keyprotect_gateway_receiving_bytes")).toBeLessThanOrEqual(
      maxReceivingBytes,
    );
  });
});

test("a byte of data that keeps a large read in memory counts as that read", async () => {
  using client = await connectFrames(portOf(gateway));
  await eventually(() => client.received.length > 1);
  const padding = Buffer.concat(
    Array.from({ length: 2_000 }, () =>
      http2Frame(frameTypes.window, 0, 0, Buffer.from([0, 0, 0, 1])),
    ),
  );
  for (let at = 0; at < 200; at += 1) {
    const head = headerFrames(2 * at + 1, headerBlock(grpcHeaders(path)));
    client.write(head, partOf(2 * at + 1, 6), padding);
  }
  await eventually(() => resets(client) > 0);
  expect(await metric("keyprotect_gateway_receiving_bytes")).toBeLessThanOrEqual(maxReceivingBytes);
});

test("1,000 complete requests at once are not refused as incomplete", async () => {
  await using own = await startTestGateway({
    env: { GATEWAY_MAX_RECEIVING_BYTES: "1048576", GATEWAY_LOG_LEVEL: "info" },
  });
  const { path: count, message } = golden.CountKeys();
  using client = await connectFrames(portOf(own));
  const calls = Array.from({ length: 1_000 }, (_, at) => [
    headerFrames(2 * at + 1, headerBlock(grpcHeaders(count))),
    http2Frame(frameTypes.data, flags.endStream, 2 * at + 1, frame(message)),
  ]);
  client.write(...calls.flat());
  const ended = (): number =>
    client.received.filter(
      ({ type, flag }) => type === frameTypes.headers && (flag & flags.endStream) > 0,
    ).length;
  await eventually(() => ended() === 1_000);
  const text = await own.metrics();
  expect(text).toContain('keyprotect_gateway_incomplete_requests_total{cause="bytes"} 0');
  expect(resets(client)).toBe(0);
});

describe("a request that does not arrive in time", () => {
  test.each([
    ["without any data", () => Buffer.alloc(0)],
    ["with a part of a message", (stream: number) => partOf(stream, 1_000)],
    [
      "with a whole message and no end of the stream",
      (stream: number) => http2Frame(frameTypes.data, 0, stream, frame(golden.WrapKey().message)),
    ],
  ])("a request %s is refused with REQUEST_INCOMPLETE", async (_, data) => {
    await using own = await startTestGateway({ env: { GATEWAY_RECEIVE_TIMEOUT_MS: "200" } });
    using client = await connectFrames(portOf(own));
    begin(client, 1);
    client.write(data(1));
    await eventually(() => framesOf(client, 1).some(({ type }) => type === frameTypes.reset));

    const [answer, reset] = framesOf(client, 1);
    expect(answer?.type).toBe(frameTypes.headers);
    expect(answer?.flag).toBe(flags.endStream | flags.endHeaders);
    expect(reset).toEqual({
      type: frameTypes.reset,
      flag: 0,
      stream: 1,
      payload: Buffer.alloc(4),
    });
    expect(await metric('keyprotect_gateway_incomplete_requests_total{cause="time"}', own)).toBe(1);
    expect(own.upstreamRequests()).toEqual([]);
  });
});

test("a message in many small frames over several turns arrives as it was sent", async () => {
  const { path: create, message } = golden.CreateKey();
  using client = await connectFrames(portOf(gateway));
  gateway.emulator.requests.clear();
  client.write(headerFrames(1, headerBlock(grpcHeaders(create))));
  const body = frame(message);
  for (let at = 0; at < body.length; at += 3) {
    client.write(http2Frame(frameTypes.data, 0, 1, body.subarray(at, at + 3)));
    await new Promise((resolve) => setImmediate(resolve));
  }
  client.write(http2Frame(frameTypes.data, flags.endStream, 1));
  await eventually(() => framesOf(client, 1).length > 2);
  expect(gateway.upstreamRequests()).toEqual(["POST /api/v2/keys"]);
});

test("a grpc-js caller sees RESOURCE_EXHAUSTED with its reason and a delay", async () => {
  await using own = await startTestGateway({ env: { GATEWAY_RECEIVE_TIMEOUT_MS: "200" } });
  const client = new Client(own.address, credentials.createInsecure());
  // A unary method is called as a stream that neither sends nor ends.
  const error = await new Promise<ServiceError | null>((resolve) =>
    client.makeClientStreamRequest(
      path,
      (bytes: Buffer) => bytes,
      (bytes) => bytes,
      (failure) => resolve(failure),
    ),
  );
  client.close();
  if (error === null) throw new Error("the call succeeded");
  const { errorInfo, retryInfo } = statusDetails(error);
  expect(error.code).toBe(status.RESOURCE_EXHAUSTED);
  expect(errorInfo).toMatchObject({
    reason: "REQUEST_INCOMPLETE",
    metadata: { method: path.slice(1), attempts: "0", mayHaveExecuted: "false" },
  });
  expect(retryInfo?.retryDelay).toEqual({ seconds: 1n, nanos: 0 });
});
