/** RewrapStream: callers that stall or leave, streams that grow old, an upstream that fails. */
import { describe, expect, test } from "vitest";
import { outcomesOf } from "../support/batch-results.ts";
import { eventually } from "../support/eventually.ts";
import { onBusyMachine } from "../support/on-busy-machine.ts";
import {
  indexesOf,
  openStream,
  rewrapsOf,
  sendMany,
  startWithCiphertext,
  streamLines,
  upTo,
} from "../support/rewrap-streams.ts";

describe("flow control", () => {
  test("at most 64 items are read while none is answered", async () => {
    const { gateway, item } = await startWithCiphertext({
      env: { GATEWAY_UPSTREAM_CONNECTIONS: "100", GATEWAY_UPSTREAM_ATTEMPT_TIMEOUT_MS: "20000" },
    });
    await using _ = gateway;
    gateway.emulator.faults.add({ match: { operation: "rewrapKey" }, action: { kind: "hang" } });
    const stream = openStream(gateway.clients.actions);
    const sending = sendMany(stream, 5_000, item);
    await eventually(() => rewrapsOf(gateway) === 64);
    await new Promise((resolve) => {
      setTimeout(resolve, 300);
    });
    expect(rewrapsOf(gateway)).toBe(64);
    stream.cancel();
    expect((await stream.ended).code).toBe("CANCELLED");
    await sending;
    await eventually(() => streamLines(gateway).length === 1);
    expect(streamLines(gateway)[0]).toMatchObject({ code: "CANCELLED" });
  });

  test("a caller that takes no answers is not read any further, and goes on where it stopped", async () => {
    const { gateway, item } = await startWithCiphertext();
    await using _ = gateway;
    const stream = openStream(gateway.clients.actions);
    stream.pause();
    const count = 6_000;
    const sending = sendMany(stream, count, item).then(() => stream.end());
    let before = -1;
    await eventually(async () => {
      await new Promise((resolve) => {
        setTimeout(resolve, 200);
      });
      const now = rewrapsOf(gateway);
      const isStill = now > 0 && now === before;
      before = now;
      return isStill;
    });
    expect(before).toBeLessThan(count / 2);
    stream.resume();
    await sending;
    expect((await stream.ended).code).toBe("OK");
    expect(indexesOf(stream)).toEqual(upTo(count));
  }, 60_000);
});

describe("the end of a stream", () => {
  test.each([
    ["its age", { GATEWAY_STREAM_AGE_MS: "1000" }, {}, "age", "UNAVAILABLE"],
    ["its deadline", {}, { inMs: 1_000 }, "deadline", "DEADLINE_EXCEEDED"],
    ["its idle time", { GATEWAY_STREAM_IDLE_MS: "300" }, {}, "idle", "UNAVAILABLE"],
    [
      "the age of its connection",
      { GATEWAY_CONNECTION_AGE_MS: "1000", GATEWAY_CONNECTION_AGE_JITTER_PERCENT: "0" },
      {},
      "connection",
      "UNAVAILABLE",
    ],
  ] as const)(
    "a stream ends at %s, after all items are answered, and says why",
    onBusyMachine,
    async (_name, env, { inMs }: { inMs?: number }, why, code) => {
      const { gateway, item } = await startWithCiphertext({ env });
      await using _ = gateway;
      const deadline = inMs === undefined ? {} : { deadline: Date.now() + inMs };
      const stream = openStream(gateway.clients.actions, deadline);
      await sendMany(stream, 3, item);
      const end = await stream.ended;
      expect([end.code, end.reason]).toEqual([code, "STREAM_ENDED"]);
      expect(end.metadata).toMatchObject({ why, answeredItems: "3", lastItemId: "item-2" });
      expect(stream.answers).toHaveLength(3);
    },
  );

  test("a stream with items at Key Protect is not idle", async () => {
    const { gateway, item } = await startWithCiphertext({ env: { GATEWAY_STREAM_IDLE_MS: "200" } });
    await using _ = gateway;
    gateway.emulator.faults.add({ match: { operation: "rewrapKey" }, delayMs: 900 });
    const stream = openStream(gateway.clients.actions);
    await stream.send(item);
    await eventually(() => stream.answers.length === 1);
    stream.end();
    expect((await stream.ended).code).toMatch(/OK|UNAVAILABLE/);
    expect(outcomesOf(stream.answers)).toEqual(["OK"]);
  });

  test("a peer that takes no answers for too long is disconnected", async () => {
    const { gateway, item } = await startWithCiphertext({ env: { GATEWAY_STREAM_IDLE_MS: "300" } });
    await using _ = gateway;
    const stream = openStream(gateway.clients.actions);
    stream.pause();
    const sending = sendMany(stream, 20_000, item);
    await eventually(() => streamLines(gateway).length === 1);
    expect(streamLines(gateway)[0]).toMatchObject({ code: "CANCELLED" });
    stream.resume();
    await stream.ended;
    await sending;
    const metrics = await gateway.metrics();
    expect(metrics).toContain("keyprotect_gateway_inflight 0\n");
  }, 30_000);

  test("a connection that breaks ends the requests of its stream", async () => {
    const { gateway, item } = await startWithCiphertext({
      env: { GATEWAY_UPSTREAM_ATTEMPT_TIMEOUT_MS: "20000" },
    });
    await using _ = gateway;
    gateway.emulator.faults.add({ match: { operation: "rewrapKey" }, action: { kind: "hang" } });
    const stream = openStream(gateway.clients.actions);
    await sendMany(stream, 5, item);
    await eventually(() => rewrapsOf(gateway) === 5);
    gateway.clients.actions.close();
    stream.cancel();
    await eventually(() => streamLines(gateway).length === 1);
    expect(streamLines(gateway)[0]).toMatchObject({ code: "CANCELLED", upstreamAttempts: 0 });
  });
});

test("items wait for an outage to end instead of failing", async () => {
  const { gateway, item } = await startWithCiphertext();
  await using _ = gateway;
  gateway.emulator.faults.add({
    match: { operation: "rewrapKey" },
    times: 8,
    action: { kind: "respond", status: 503 },
  });
  const stream = openStream(gateway.clients.actions);
  await sendMany(stream, 2, item);
  stream.end();
  expect((await stream.ended).code).toBe("OK");
  expect(outcomesOf(stream.answers)).toEqual(["OK", "OK"]);
  expect(rewrapsOf(gateway)).toBe(10);
}, 30_000);
