/**
 * Which calls are counted as ended by grpc-js, and their details; for statuses see `wire-traps`.
 */
import { allKeys } from "../../../support/requests.ts";
import * as grpc from "@grpc/grpc-js";
import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../../../src/platform/clock.ts";
import { KeysServiceService } from "../../../../src/gen/keyprotect/v1/keys_service.ts";
import { createRawCallInterceptor } from "../../../../src/grpc/server/raw-call-interceptor.ts";
import { StatusError } from "../../../../src/grpc/status/status-error.ts";
import { statusDetails } from "../../../support/status-details.ts";
import { connectRaw, frame } from "../../../support/raw-grpc.ts";
import { ampleReceivingCalls } from "../../../support/receiving-calls.ts";
import { eventually } from "../../../support/eventually.ts";
import { startTestServer } from "../../../support/test-server.ts";
import { callRpc, keys, startUnaryServer } from "../../../support/unary-server.ts";

const { status } = grpc;

/** The status and `ErrorInfo` of a response without a message. */
function errorInfoOf(answer: http2.IncomingHttpHeaders) {
  const metadata = grpc.Metadata.fromHttp2Headers(answer);
  const error = Object.assign(new Error("status"), { code: status.UNKNOWN, details: "", metadata });
  return {
    code: String(answer["grpc-status"]),
    correlationId: answer["x-correlation-id"],
    ...statusDetails(error).errorInfo,
  };
}
const countKeys = "/keyprotect.v1.KeysService/CountKeys";

test("calls that reach their handler are not counted, however they end", async () => {
  let isRunning = false;
  await using server = await startUnaryServer({
    countKeys: () => Promise.resolve({ totalSize: 1 }),
    getKey: () => Promise.reject(new StatusError(status.NOT_FOUND, "KEY_NOT_FOUND", "none")),
    getKeyMaterial: (_, { signal }) => {
      isRunning = true;
      return new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason)),
      );
    },
  });
  const { client } = server;
  await callRpc(client, keys.countKeys, allKeys);
  await callRpc(client, keys.getKey, { keyId: "id" });
  await callRpc(
    client,
    keys.getKeyMaterial,
    { keyId: "id" },
    {
      onCall: (made) => void eventually(() => isRunning).then(() => made.cancel()),
    },
  );
  await eventually(() => server.outcomes.length === 3);
  // Pending events of these calls come before the events of a call made now.
  await callRpc(client, keys.countKeys, allKeys);
  expect(server.endedByLibrary).toEqual([]);
});

/** Starts a call with a deadline of 50 ms and without a message. */
const begin = (session: http2.ClientHttp2Session, more: http2.OutgoingHttpHeaders = {}) =>
  session.request({
    ":method": "POST",
    ":path": countKeys,
    "content-type": "application/grpc",
    te: "trailers",
    "grpc-timeout": "50m",
    ...more,
  });

test("a call that waits for its message until the deadline is counted as DEADLINE_EXCEEDED", async () => {
  await using server = await startUnaryServer({});
  const session = http2.connect(`http://127.0.0.1:${server.port}`);
  const stream = begin(session);
  stream.on("error", () => {});
  stream.resume();
  await eventually(() => server.endedByLibrary.length === 1);
  expect(server.endedByLibrary).toEqual([`${countKeys} ${status.DEADLINE_EXCEEDED}`]);
  session.destroy();
});

/** Blocks the event loop. */
function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

const correlationId = "11111111-2222-4333-8444-555555555555";

test("a call whose message arrives too late has details", async () => {
  await using server = await startUnaryServer({});
  const session = http2.connect(`http://127.0.0.1:${server.port}`);
  const stream = begin(session, { "x-correlation-id": correlationId });
  const answer = await new Promise<http2.IncomingHttpHeaders>((resolve) =>
    stream.on("response", resolve),
  );
  expect(errorInfoOf(answer)).toMatchObject({
    code: String(status.DEADLINE_EXCEEDED),
    correlationId,
    reason: "DEADLINE_IN_QUEUE",
    metadata: { correlationId, attempts: "0", method: "keyprotect.v1.KeysService/CountKeys" },
  });
  session.destroy();
});

test("all calls whose deadlines pass during a blocked event loop have details", async () => {
  let running = 0;
  await using server = await startUnaryServer({
    countKeys: () => {
      running += 1;
      return new Promise(() => {});
    },
  });
  const session = http2.connect(`http://127.0.0.1:${server.port}`);
  const calls = 100;
  const answers = Array.from({ length: calls }, () => {
    const stream = session.request({
      ":method": "POST",
      ":path": countKeys,
      "content-type": "application/grpc",
      te: "trailers",
      "grpc-timeout": "500m",
    });
    stream.end(frame(Buffer.alloc(0)));
    return new Promise<http2.IncomingHttpHeaders>((resolve) => stream.on("response", resolve));
  });
  await eventually(() => running === calls);
  block(600);
  for (const answer of await Promise.all(answers)) {
    expect(errorInfoOf(answer)).toMatchObject({
      code: String(status.DEADLINE_EXCEEDED),
      reason: "DEADLINE_IN_QUEUE",
    });
  }
  expect(server.endedByLibrary).toEqual([]);
  session.destroy();
});

test("a call over a Unix socket whose message arrives too late has details", async () => {
  const folder = await mkdtemp(join(tmpdir(), "kp-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "s");
  await using server = await startTestServer({
    listeners: [{ kind: "unix", path }],
    interceptors: [
      createRawCallInterceptor({
        endedByLibrary: () => {},
        clock: systemClock,
        receiving: ampleReceivingCalls(),
      }),
    ],
  });
  const session = http2.connect("http://localhost", { createConnection: () => connect({ path }) });
  const stream = begin(session, { "x-correlation-id": correlationId });
  const answer = await new Promise<http2.IncomingHttpHeaders>((resolve) =>
    stream.on("response", resolve),
  );
  expect(errorInfoOf(answer)).toMatchObject({ correlationId, reason: "DEADLINE_IN_QUEUE" });
  expect(server.contexts).toEqual([]);
  session.destroy();
});

test("a caller that leaves before its message is complete is counted as UNKNOWN", async () => {
  await using server = await startUnaryServer({});
  const session = http2.connect(`http://127.0.0.1:${server.port}`);
  session.on("error", () => {});
  const stream = session.request({
    ":method": "POST",
    ":path": countKeys,
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => {});
  await new Promise<void>((resolve) =>
    stream.write(Buffer.from([0, 0, 0, 0, 9, 1]), () => resolve()),
  );
  // The answer to a ping shows that the earlier frames have arrived.
  await new Promise<void>((resolve) => session.ping(() => resolve()));
  session.destroy();
  await eventually(() => server.endedByLibrary.length === 1);
  expect(server.endedByLibrary).toEqual([`${countKeys} ${status.UNKNOWN}`]);
});

test("a call without a message is answered with UNIMPLEMENTED and counted", async () => {
  await using server = await startUnaryServer({});
  await using raw = await connectRaw(server.port);
  const answer = await raw.call(countKeys, {});
  expect(answer.headers["grpc-status"]).toBe(String(status.UNIMPLEMENTED));
  await eventually(() => server.endedByLibrary.length === 1);
  expect(server.endedByLibrary).toEqual([`${countKeys} ${status.UNKNOWN}`]);
});

test("a call of an unknown method is answered and not counted", async () => {
  await using server = await startUnaryServer({});
  await using raw = await connectRaw(server.port);
  const answer = await raw.call("/keyprotect.v1.KeysService/Purge", {
    body: frame(Buffer.alloc(0)),
  });
  expect(answer.headers["grpc-status"]).toBe(String(status.UNIMPLEMENTED));
  expect(server.endedByLibrary).toEqual([]);
});

/** The part of a grpc-js call that is used before anything arrives. */
const createLibraryCall = () => ({
  getDeadline: () => new Date(Date.now() + 1_000),
  sendStatus: () => {},
  handleDataFrame: () => {},
});

// V8 keeps an object with its own function until the next major garbage collection.
test("calls with a diverted deadline share one function", () => {
  const watch = createRawCallInterceptor({
    endedByLibrary: () => {},
    clock: { wallNow: () => 0 },
    receiving: ampleReceivingCalls(),
  });
  const watched = [createLibraryCall(), createLibraryCall()] as const;
  const own = watched.map(({ sendStatus }) => sendStatus);
  for (const call of watched) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only these members are used
    watch(KeysServiceService.countKeys, call as unknown as grpc.ServerInterceptingCallInterface);
  }
  expect(watched[0].sendStatus).not.toBe(own[0]);
  expect(watched[0].sendStatus).toBe(watched[1].sendStatus);
  expect(watched[0].handleDataFrame).toBe(watched[1].handleDataFrame);
});
