/** RewrapStream: order, flow control, every way in which a stream ends, access, log and metrics. */
import { describe, expect, test } from "vitest";
import { RewrapStreamOrder } from "../../src/gen/keyprotect/v1/key_actions_service.ts";
import { failureOf, outcomesOf, responseOf } from "../support/batch-results.ts";
import { unaryCall } from "../../examples/unary-call.ts";
import { eventually } from "../support/eventually.ts";
import { absentKeyId } from "../support/golden-requests.ts";
import { unwrapKeyRequest } from "../support/requests.ts";
import {
  indexesOf,
  openStream,
  rewrapsOf,
  sendMany,
  startWithCiphertext,
  streamLines,
  upTo,
} from "../support/rewrap-streams.ts";
import { startTestGateway } from "../support/start-gateway.ts";

test("200 items are answered in their order, each with a ciphertext of the same data key", async () => {
  const { gateway, plaintext, item } = await startWithCiphertext();
  await using _ = gateway;
  const { actions } = gateway.clients;
  const metadata = { "x-correlation-id": "11111111-2222-4333-8444-555555555555" };
  const stream = openStream(actions, { metadata });
  await sendMany(stream, 200, item);
  stream.end();
  expect(await stream.ended).toMatchObject({ code: "OK" });
  expect(indexesOf(stream)).toEqual(upTo(200));
  expect(stream.answers.map(({ itemId }) => itemId)).toEqual(upTo(200).map((at) => `item-${at}`));
  for (const answer of [stream.answers[0], stream.answers[199]]) {
    const { ciphertext } = responseOf(answer ?? {});
    const request = unwrapKeyRequest(item.keyId, ciphertext);
    const unwrapped = await gateway.call(actions, "unwrapKey", request);
    expect(unwrapped.plaintext).toEqual(plaintext);
  }
  expect(rewrapsOf(gateway)).toBe(200);
  expect(streamLines(gateway)).toEqual([
    expect.objectContaining({
      level: "info",
      code: "OK",
      correlationId: metadata["x-correlation-id"],
      items: { OK: 200 },
      upstreamAttempts: 200,
    }),
  ]);
  const metrics = await gateway.metrics();
  const labels =
    'grpc_type="bidi_stream",grpc_service="keyprotect.v1.KeyActionsService",grpc_method="RewrapStream"';
  expect(metrics).toContain(`grpc_server_msg_received_total{${labels}} 200\n`);
  expect(metrics).toContain(`grpc_server_msg_sent_total{${labels}} 200\n`);
  expect(metrics).toContain(`grpc_server_handled_total{${labels},grpc_code="OK"} 1\n`);
  expect(metrics).toContain(
    'keyprotect_gateway_items_total{method="RewrapStream",grpc_code="OK"} 200\n',
  );
});

test.each([
  [RewrapStreamOrder.AS_SENT, [0, 1, 2, 3]],
  [RewrapStreamOrder.AS_ANSWERED, [1, 2, 3, 0]],
])("a slow first item holds up the others or not, by the order %i", async (order, expected) => {
  const { gateway, item } = await startWithCiphertext();
  await using _ = gateway;
  gateway.emulator.faults.add({ match: { operation: "rewrapKey" }, times: 1, delayMs: 300 });
  const stream = openStream(gateway.clients.actions);
  stream.sendOptions({ order });
  await stream.send(item);
  await eventually(() => rewrapsOf(gateway) === 1);
  for (let at = 1; at < 4; at++) {
    await stream.send(item);
    await eventually(() => rewrapsOf(gateway) === at + 1);
  }
  stream.end();
  expect((await stream.ended).code).toBe("OK");
  expect(indexesOf(stream)).toEqual(expected);
});

test("an item that fails has the status of its single call, and the stream goes on", async () => {
  const { gateway, item } = await startWithCiphertext();
  await using _ = gateway;
  const stream = openStream(gateway.clients.actions);
  await stream.send({ ...item, itemId: "a" });
  await stream.send({ ...item, keyId: absentKeyId, itemId: "b" });
  await stream.send({ keyId: "../x", itemId: "c" });
  await stream.send({ ...item, itemId: "bad\u0007" });
  await stream.send({ ...item, itemId: "e" });
  stream.end();
  expect((await stream.ended).code).toBe("OK");
  expect(stream.answers.map(({ itemId }) => itemId)).toEqual(["a", "b", "c", "", "e"]);
  expect(outcomesOf(stream.answers)).toEqual([
    "OK",
    "KEY_NOT_FOUND",
    "REQUEST_INVALID",
    "REQUEST_INVALID",
    "OK",
  ]);
  expect(failureOf(stream.answers[2] ?? {}).fields).toEqual(["item.key_id", "item.ciphertext"]);
  expect(failureOf(stream.answers[3] ?? {}).fields).toEqual(["item.item_id"]);
  expect(failureOf(stream.answers[1] ?? {}).errorInfo?.metadata).toMatchObject({
    method: "keyprotect.v1.KeyActionsService/RewrapKey",
    httpStatus: "404",
    attempts: "1",
  });
});

test.each(["nothing", "late options", "an unknown order"] as const)(
  "a message with %s ends the stream after the items before it are answered",
  async (kind) => {
    const { gateway, item } = await startWithCiphertext();
    await using _ = gateway;
    const stream = openStream(gateway.clients.actions);
    if (kind !== "an unknown order") await sendMany(stream, 3, item);
    if (kind === "nothing") stream.sendNothing();
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a newer caller may send it
    else stream.sendOptions({ order: (kind === "late options" ? 1 : 99) as 1 });
    const answered = kind === "an unknown order" ? 0 : 3;
    expect(await stream.ended).toMatchObject({
      code: "INVALID_ARGUMENT",
      reason: "REQUEST_INVALID",
      metadata: {
        answeredItems: String(answered),
        lastItemId: answered === 0 ? "" : "item-2",
      },
    });
    expect(outcomesOf(stream.answers)).toEqual(upTo(answered).map(() => "OK"));
  },
);

test("a stream is not read further while the requests that it holds have 256 KiB", async () => {
  const { gateway, item } = await startWithCiphertext();
  gateway.emulator.faults.add({ match: { operation: "rewrapKey" }, action: { kind: "hang" } });
  const stream = openStream(gateway.clients.actions);
  // 16 of these have 256 KiB. They differ, so that each is a request of its own.
  for (let at = 0; at < 40; at++) {
    void stream.send({ ...item, ciphertext: Buffer.alloc(16_384, at + 1) });
  }
  await eventually(() => rewrapsOf(gateway) >= 16);
  for (let at = 0; at < 3; at++) {
    await unaryCall(gateway.clients.keys, "getKey", { keyId: item.keyId });
  }
  expect(rewrapsOf(gateway)).toBe(16);
  stream.cancel();
  await stream.ended;
  await gateway[Symbol.asyncDispose]();
});

describe("the end of a stream", () => {
  test("a drain answers what was read, and says where to go on", async () => {
    const { gateway, item } = await startWithCiphertext();
    gateway.emulator.faults.add({ match: { operation: "rewrapKey" }, delayMs: 100 });
    const stream = openStream(gateway.clients.actions);
    const sending = sendMany(stream, 100_000, item);
    await eventually(() => stream.answers.length > 100);
    const text = await gateway.metrics();
    await gateway.gateway.drain();
    const end = await stream.ended;
    await sending;
    expect(end).toMatchObject({ code: "UNAVAILABLE", reason: "SHUTTING_DOWN" });
    const answered = stream.answers.length;
    expect(end.metadata).toMatchObject({
      answeredItems: String(answered),
      lastItemId: `item-${answered - 1}`,
    });
    expect(indexesOf(stream)).toEqual(upTo(answered));
    expect(new Set(outcomesOf(stream.answers))).toEqual(new Set(["OK"]));
    // Each item that was sent to Key Protect was answered.
    expect(rewrapsOf(gateway)).toBe(answered);
    for (const client of Object.values(gateway.clients)) client.close();
    await gateway.emulator[Symbol.asyncDispose]();
    expect(gateway.secrets.tracesIn(`${text}${JSON.stringify(gateway.log())}`)).toEqual([]);
  }, 30_000);

  test("a drain whose time is over names the last item before the first gap", async () => {
    const { gateway, item } = await startWithCiphertext({
      env: { GATEWAY_DRAIN_GRACE_MS: "100", GATEWAY_UPSTREAM_ATTEMPT_TIMEOUT_MS: "20000" },
    });
    gateway.emulator.faults.add({
      match: { operation: "rewrapKey" },
      skip: 2,
      times: 1,
      action: { kind: "hang" },
    });
    const stream = openStream(gateway.clients.actions);
    stream.sendOptions({ order: RewrapStreamOrder.AS_ANSWERED });
    for (let at = 0; at < 5; at++) {
      await stream.send({ ...item, itemId: `item-${at}` });
      await eventually(() => rewrapsOf(gateway) === at + 1);
    }
    await eventually(() => stream.answers.length === 4);
    await gateway.gateway.drain();
    expect(await stream.ended).toMatchObject({
      code: "UNAVAILABLE",
      reason: "SHUTTING_DOWN",
      metadata: { answeredItems: "2", lastItemId: "item-1" },
    });
    expect(indexesOf(stream)).toEqual([0, 1, 3, 4]);
    for (const client of Object.values(gateway.clients)) client.close();
    await gateway.emulator[Symbol.asyncDispose]();
  });
});

describe("the number of streams", () => {
  test("a caller may have half of the streams, and the next one is refused", async () => {
    const { gateway, item } = await startWithCiphertext({ env: { GATEWAY_MAX_STREAMS: "4" } });
    await using _ = gateway;
    const { actions } = gateway.clients;
    const open = [openStream(actions), openStream(actions)];
    for (const stream of open) await stream.send(item);
    await eventually(() => open.every(({ answers }) => answers.length === 1));
    const refused = await openStream(actions).ended;
    expect(refused).toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: "TOO_MANY_STREAMS" });
    for (const stream of open) stream.end();
    await Promise.all(open.map(({ ended }) => ended));
    const next = openStream(actions);
    next.end();
    expect((await next.ended).code).toBe("OK");
  });
});

describe("access rules", () => {
  test.each([
    ["KeyActionsService/RewrapStream", "PERMISSION_DENIED"],
    ["KeyActionsService/RewrapKey", "PERMISSION_DENIED"],
    ["KeyActionsService/*", "OK"],
  ])("a rule with the methods %s leads to the status %s", async (methods, code) => {
    await using gateway = await startTestGateway({
      env: { GATEWAY_CONFIG: "/gateway.yaml" },
      files: {
        "/gateway.yaml": `policy:\n  rules:\n    - callers: [anonymous]\n      methods: [${methods}]\n`,
      },
    });
    const stream = openStream(gateway.clients.actions);
    await stream.send({ keyId: absentKeyId, ciphertext: Buffer.from("a") });
    stream.end();
    const end = await stream.ended;
    expect(end.code).toBe(code);
    if (code !== "OK") expect(end.reason).toBe("CALLER_NOT_AUTHORIZED");
  });

  test("a stream cannot be interactive", async () => {
    await using gateway = await startTestGateway();
    const metadata = { "x-kp-priority": "interactive" };
    const { code, reason } = await openStream(gateway.clients.actions, { metadata }).ended;
    expect([code, reason]).toEqual(["INVALID_ARGUMENT", "REQUEST_INVALID"]);
  });
});
