import { allKeys, listKeysRequest } from "../../../support/requests.ts";
import * as grpc from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { callEnd, CallEnded } from "../../../../src/platform/call-signal.ts";
import type { CallSignal } from "../../../../src/platform/call-signal.ts";
import type { CallContext } from "../../../../src/grpc/call/call-context.ts";
import { createActiveCalls } from "../../../../src/grpc/call/active-calls.ts";
import { StatusError } from "../../../../src/grpc/status/status-error.ts";
import { createDrivenClock } from "../../../support/driven-clock.ts";
import { eventually } from "../../../support/eventually.ts";
import {
  callRpc,
  createKeyRequest,
  errorInfoOf,
  keys,
  startUnaryServer,
} from "../../../support/unary-server.ts";

const { status } = grpc;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const countsOne = () => Promise.resolve({ totalSize: 1 });
const never = () => new Promise<never>(() => {});
const inOrder = (values: readonly number[]) => values.toSorted((a, b) => a - b);
const fail = (): never => {
  throw new Error("observer");
};
const drivenNow = () => createDrivenClock(Date.now());

const rejections: unknown[] = [];
const onRejection = (reason: unknown): void => void rejections.push(reason);
beforeEach(() => {
  rejections.length = 0;
  process.on("unhandledRejection", onRejection);
  process.on("uncaughtException", onRejection);
});
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", onRejection);
  process.off("uncaughtException", onRejection);
  expect(rejections).toEqual([]);
});

test("a response reaches the caller with the correlation ID in headers and trailers", async () => {
  await using server = await startUnaryServer({ countKeys: countsOne });
  const { client } = server;
  const seen = await callRpc(client, keys.countKeys, allKeys);
  expect(seen.response).toEqual({ totalSize: 1 });
  const [id] = seen.trailers.get("x-correlation-id");
  expect(id).toMatch(uuid);
  expect(seen.initial?.get("x-correlation-id")).toEqual([id]);
  await eventually(() => server.outcomes.length === 1);
  expect(server.outcomes[0]).toMatchObject({
    code: status.OK,
    reason: undefined,
    error: undefined,
  });
});

test("the correlation ID of a caller is kept unchanged", async () => {
  await using server = await startUnaryServer({ countKeys: countsOne });
  const id = "AAAAAAAA-bbbb-1CCC-dddd-EEEEEEEEEEEE";
  const { client } = server;
  const seen = await callRpc(client, keys.countKeys, allKeys, {
    metadata: { "correlation-id": id },
  });
  expect(seen.trailers.get("x-correlation-id")).toEqual([id]);
});

test("a StatusError becomes status, details, correlation ID and pushback", async () => {
  await using server = await startUnaryServer({
    countKeys: () =>
      Promise.reject(
        new StatusError(status.UNAVAILABLE, "CIRCUIT_OPEN", "try later", { retryDelayMs: 1_500.2 }),
      ),
  });
  const { client } = server;
  const seen = await callRpc(client, keys.countKeys, allKeys);
  expect(seen.code).toBe(status.UNAVAILABLE);
  expect(seen.error?.details).toBe("try later");
  expect(seen.trailers.get("grpc-retry-pushback-ms")).toEqual(["1501"]);
  const [id] = seen.trailers.get("x-correlation-id");
  expect(errorInfoOf(seen)).toEqual({
    reason: "CIRCUIT_OPEN",
    domain: "keyprotect-gateway",
    metadata: {
      httpStatus: "",
      upstreamReason: "",
      correlationId: id,
      attempts: "0",
      mayHaveExecuted: "false",
      method: "keyprotect.v1.KeysService/CountKeys",
    },
  });
});

test("an error without a retry hint has no pushback", async () => {
  await using server = await startUnaryServer({
    countKeys: () => Promise.reject(new StatusError(status.NOT_FOUND, "KEY_NOT_FOUND", "none")),
  });
  const { client } = server;
  const seen = await callRpc(client, keys.countKeys, allKeys);
  expect(seen.trailers.get("grpc-retry-pushback-ms")).toEqual([]);
});

test.each([
  ["rejects", () => Promise.reject(new Error("db.internal:5432 password=hunter2"))],
  [
    "throws",
    () => {
      throw new Error("db.internal:5432 password=hunter2");
    },
  ],
  // oxlint-disable-next-line prefer-promise-reject-errors -- the test rejects with no Error
  ["rejects with nothing", () => Promise.reject(undefined)],
])("a handler that %s with a foreign error is answered with a fixed text", async (_, countKeys) => {
  await using server = await startUnaryServer({ countKeys });
  const { client } = server;
  const seen = await callRpc(client, keys.countKeys, allKeys);
  expect(seen.code).toBe(status.INTERNAL);
  expect(seen.error?.details).toBe("internal error of the gateway");
  expect(errorInfoOf(seen).reason).toBe("GATEWAY_INTERNAL");
  expect(JSON.stringify(seen.trailers.toJSON())).not.toContain("hunter2");
});

test("a foreign error of an unsafe RPC reports mayHaveExecuted if a request was sent", async () => {
  await using server = await startUnaryServer({
    createKey: (request, context) => {
      if (request.name !== "early") context.attemptLog.attempts += 1;
      return Promise.reject(new Error("lost"));
    },
  });
  const { client } = server;
  const late = await callRpc(client, keys.createKey, createKeyRequest());
  expect(errorInfoOf(late).metadata["mayHaveExecuted"]).toBe("true");
  const early = await callRpc(client, keys.createKey, { ...createKeyRequest(), name: "early" });
  expect(errorInfoOf(early).metadata["mayHaveExecuted"]).toBe("false");
});

test("a response that cannot be encoded is answered and counted as an error with details", async () => {
  await using server = await startUnaryServer({
    countKeys: () => Promise.resolve({ totalSize: 2 ** 40 }),
  });
  const { client } = server;
  const seen = await callRpc(client, keys.countKeys, allKeys);
  expect(seen.code).toBe(status.INTERNAL);
  expect(errorInfoOf(seen).reason).toBe("GATEWAY_INTERNAL");
  await eventually(() => server.outcomes.length === 1);
  expect(server.outcomes[0]?.code).toBe(status.INTERNAL);
});

test("a response that is too large to be sent is an error with details, and counted as one", async () => {
  await using server = await startUnaryServer(
    { getKeyMaterial: async () => ({ key: undefined, keyMaterial: Buffer.alloc(2_000, 1) }) },
    { maxSendBytes: 2_000 },
  );
  const seen = await callRpc(server.client, keys.getKeyMaterial, { keyId: "k" });
  expect(seen.code).toBe(status.INTERNAL);
  expect(errorInfoOf(seen)).toMatchObject({ reason: "UPSTREAM_BAD_RESPONSE" });
  expect(server.outcomes.map(({ code }) => code)).toEqual([status.INTERNAL]);
});

test("a lone surrogate in an error text reaches the caller replaced", async () => {
  await using server = await startUnaryServer({
    countKeys: async () => {
      await new Promise((resolve) => setImmediate(resolve));
      throw new StatusError(status.NOT_FOUND, "KEY_NOT_FOUND", "bad \ud800 text\r\nsecond");
    },
  });
  const { client } = server;
  const seen = await callRpc(client, keys.countKeys, allKeys);
  expect(seen.error?.details).toBe("bad \ufffd text  second");
});

test("a successful call is not counted as cancelled", async () => {
  let context: CallContext | undefined;
  await using server = await startUnaryServer({
    countKeys: (_, callContext) => {
      context = callContext;
      return countsOne();
    },
  });
  const { client } = server;
  await callRpc(client, keys.countKeys, allKeys);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(context?.signal.aborted).toBe(false);
  expect(server.outcomes.map(({ code }) => code)).toEqual([status.OK]);
  expect(server.activeCalls.count).toBe(0);
});

test("a caller that cancels aborts the signal and is counted once as cancelled", async () => {
  let signal: CallSignal | undefined;
  await using server = await startUnaryServer({
    createKey: (_, context) => {
      ({ signal } = context);
      context.attemptLog.attempts += 1;
      return new Promise((_resolve, reject) =>
        context.signal.addEventListener("abort", () => reject(context.signal.reason)),
      );
    },
  });
  const { client } = server;
  const seen = await callRpc(client, keys.createKey, createKeyRequest(), {
    onCall: (made) => void eventually(() => signal !== undefined).then(() => made.cancel()),
  });
  expect(seen.code).toBe(status.CANCELLED);
  await eventually(() => server.outcomes.length === 1);
  expect(signal && callEnd(signal)).toBe("cancelled");
  expect(signal?.reason).toBeInstanceOf(CallEnded);
  expect(server.outcomes[0]).toMatchObject({
    code: status.CANCELLED,
    reason: undefined,
    mayHaveExecuted: true,
  });
  expect(server.activeCalls.count).toBe(0);
});

test("a call without a deadline gets the deadline of the table", async () => {
  const clock = drivenNow();
  let context: CallContext | undefined;
  await using server = await startUnaryServer(
    {
      countKeys: (_, callContext) => {
        context = callContext;
        return countsOne();
      },
    },
    { clock },
  );
  const { client } = server;
  await callRpc(client, keys.countKeys, allKeys, { timeoutMs: Infinity });
  expect(context?.deadline).toBe(10_000);
  expect(clock.pending).toBe(0);
});

test("the deadline of the context is a margin before the caller's", async () => {
  const clock = drivenNow();
  const deadlines: number[] = [];
  await using server = await startUnaryServer(
    {
      countKeys: (_, context) => {
        deadlines.push(context.deadline);
        return countsOne();
      },
    },
    { clock },
  );
  const { client } = server;
  // The driven clock does not advance, so the transit time of the call does not count.
  await callRpc(client, keys.countKeys, allKeys, { timeoutMs: 2_000 });
  await callRpc(client, keys.countKeys, allKeys, { timeoutMs: 600_000 });
  expect(deadlines[0]).toBeGreaterThan(1_800);
  expect(deadlines[0]).toBeLessThan(12_000);
  expect(deadlines[1]).toBe(60_000);
});

test("a call whose deadline leaves no time is rejected immediately", async () => {
  let calls = 0;
  const clock = createDrivenClock(Date.now() + 5_000);
  await using server = await startUnaryServer(
    {
      countKeys: () => {
        calls += 1;
        return countsOne();
      },
    },
    { clock },
  );
  const { client } = server;
  const seen = await callRpc(client, keys.countKeys, allKeys, { timeoutMs: 4_000 });
  expect(seen.code).toBe(status.DEADLINE_EXCEEDED);
  expect(errorInfoOf(seen)).toMatchObject({
    reason: "DEADLINE_TOO_SHORT",
    metadata: { minimumMs: "26", mayHaveExecuted: "false" },
  });
  expect(calls).toBe(0);
  expect(clock.pending).toBe(0);
});

test("a call whose handler never settles is answered at the deadline, before the caller gives up", async () => {
  const clock = drivenNow();
  let context: CallContext | undefined;
  await using server = await startUnaryServer(
    {
      createKey: (_, callContext) => {
        context = callContext;
        callContext.attemptLog.attempts += 1;
        return never();
      },
    },
    { clock },
  );
  const { client } = server;
  const answer = callRpc(client, keys.createKey, createKeyRequest());
  await eventually(() => context !== undefined);
  await clock.advance(14_800);
  await clock.advance(200);
  const seen = await answer;
  expect(seen.code).toBe(status.DEADLINE_EXCEEDED);
  expect(errorInfoOf(seen)).toMatchObject({
    reason: "DEADLINE_UPSTREAM",
    metadata: { mayHaveExecuted: "true", attempts: "1" },
  });
  expect(context && callEnd(context.signal)).toBe("deadline");
  expect(server.activeCalls.count).toBe(0);
});

test("a handler that reacts to the deadline within a turn determines the answer", async () => {
  const clock = drivenNow();
  let isRunning = false;
  await using server = await startUnaryServer(
    {
      countKeys: async (_, context) => {
        isRunning = true;
        await new Promise<void>((resolve) => {
          context.signal.addEventListener("abort", resolve);
        });
        await Promise.resolve();
        throw new StatusError(status.DEADLINE_EXCEEDED, "DEADLINE_IN_QUEUE", "never sent");
      },
    },
    { clock },
  );
  const { client } = server;
  const answer = callRpc(client, keys.countKeys, allKeys);
  await eventually(() => isRunning);
  await clock.advance(15_000);
  expect(errorInfoOf(await answer).reason).toBe("DEADLINE_IN_QUEUE");
  await eventually(() => server.outcomes.length === 1);
  expect(server.outcomes).toHaveLength(1);
});

test("a result after the answer is zeroed, dropped and logged", async () => {
  const clock = drivenNow();
  const keyMaterial = Buffer.from("late material");
  let resolve: (() => void) | undefined;
  await using server = await startUnaryServer(
    {
      createKey: () =>
        new Promise((settle) => {
          resolve = () => settle({ key: undefined, keyMaterial, replayed: false });
        }),
    },
    { clock },
  );
  const { client } = server;
  const answer = callRpc(client, keys.createKey, createKeyRequest());
  await eventually(() => resolve !== undefined);
  await clock.advance(15_000);
  expect((await answer).code).toBe(status.DEADLINE_EXCEEDED);
  resolve?.();
  await eventually(() => keyMaterial.equals(Buffer.alloc(keyMaterial.length)));
  expect(server.lines).toMatchObject([
    { msg: "succeeded after it was answered", method: "keyprotect.v1.KeysService/CreateKey" },
  ]);
  expect(server.outcomes).toHaveLength(1);
});

test("a foreign error after the answer is logged and has no other effect", async () => {
  const clock = drivenNow();
  let reject: (() => void) | undefined;
  await using server = await startUnaryServer(
    {
      countKeys: () =>
        new Promise((_, settle) => {
          reject = () => settle(new TypeError("late"));
        }),
    },
    { clock },
  );
  const { client } = server;
  const answer = callRpc(client, keys.countKeys, allKeys);
  await eventually(() => reject !== undefined);
  await clock.advance(15_000);
  await answer;
  reject?.();
  await eventually(() => server.lines.length === 1);
  expect(server.lines[0]).toMatchObject({ level: 50, err: { type: "TypeError" } });
});

test("a failing signal listener is logged and does not keep other listeners from running", async () => {
  const clock = drivenNow();
  const reasons: unknown[] = [];
  await using server = await startUnaryServer(
    {
      countKeys: (_, { signal }) => {
        signal.addEventListener("abort", () => {
          throw new TypeError("listener");
        });
        signal.addEventListener("abort", () => reasons.push(signal.reason));
        return never();
      },
    },
    { clock },
  );
  const { client } = server;
  const answer = callRpc(client, keys.countKeys, allKeys);
  await eventually(() => server.activeCalls.count === 1);
  await clock.advance(15_000);
  expect((await answer).code).toBe(status.DEADLINE_EXCEEDED);
  expect(reasons).toEqual([new CallEnded("deadline")]);
  expect(server.lines).toMatchObject([{ level: 50, err: { type: "TypeError" } }]);
  expect(server.activeCalls.count).toBe(0);
});

test("a new call during shutdown is rejected with an immediate retry hint", async () => {
  const activeCalls = createActiveCalls();
  await using server = await startUnaryServer({ countKeys: countsOne }, { activeCalls });
  activeCalls.refuseNew();
  const { client } = server;
  const seen = await callRpc(client, keys.countKeys, allKeys);
  expect(seen.code).toBe(status.UNAVAILABLE);
  expect(errorInfoOf(seen).reason).toBe("SHUTTING_DOWN");
  expect(seen.trailers.get("grpc-retry-pushback-ms")).toEqual(["1"]);
});

test("a call at the end of the grace period is UNKNOWN for an unsafe RPC that was sent, otherwise UNAVAILABLE", async () => {
  const activeCalls = createActiveCalls();
  const sends = (_: unknown, { attemptLog }: CallContext): Promise<never> => {
    attemptLog.attempts += 1;
    return never();
  };
  await using server = await startUnaryServer(
    { createKey: sends, deleteKey: sends, countKeys: never },
    { activeCalls },
  );
  const { client } = server;
  const create = callRpc(client, keys.createKey, createKeyRequest());
  const count = callRpc(client, keys.countKeys, allKeys);
  const remove = callRpc(client, keys.deleteKey, {
    keyId: "id",
    returnPreference: 0,
    allowMissing: false,
    force: false,
  });
  await eventually(() => activeCalls.count === 3);
  const idle = activeCalls.idle();
  activeCalls.cancelAll();
  await idle;
  const created = await create;
  expect(created.code).toBe(status.UNKNOWN);
  expect(errorInfoOf(created)).toMatchObject({
    reason: "OUTCOME_UNKNOWN",
    metadata: { mayHaveExecuted: "true" },
  });
  expect(created.trailers.get("grpc-retry-pushback-ms")).toEqual(["-1"]);
  for (const seen of [await count, await remove]) {
    expect(seen.code).toBe(status.UNAVAILABLE);
    expect(errorInfoOf(seen).reason).toBe("SHUTTING_DOWN");
  }
});

test("a handler that rejects with its CallEnded is answered with the status of that end", async () => {
  const activeCalls = createActiveCalls();
  await using server = await startUnaryServer(
    {
      countKeys: (_, { signal }) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason)),
        ),
    },
    { activeCalls },
  );
  const { client } = server;
  const answer = callRpc(client, keys.countKeys, allKeys);
  await eventually(() => activeCalls.count === 1);
  activeCalls.cancelAll();
  expect(errorInfoOf(await answer).reason).toBe("SHUTTING_DOWN");
});

test("request and response bytes are zeroed after the call, and the caller's copy is intact", async () => {
  const keyMaterial = Buffer.from("response material");
  let received: Buffer | undefined;
  let atHandler = "";
  await using server = await startUnaryServer({
    createKey: (request) => {
      if (request.material?.$case === "keyMaterial") received = request.material.value;
      atHandler = received?.toString() ?? "";
      return Promise.resolve({ key: undefined, keyMaterial, replayed: false });
    },
  });
  const { client } = server;
  const seen = await callRpc(
    client,
    keys.createKey,
    createKeyRequest(Buffer.from("request bytes")),
  );
  expect(seen.response?.keyMaterial.toString()).toBe("response material");
  expect(atHandler).toBe("request bytes");
  expect(keyMaterial).toEqual(Buffer.alloc(keyMaterial.length));
  await eventually(() => received?.every((byte) => byte === 0) === true);
});

test("a request is not zeroed while its handler runs, even if the caller has gone", async () => {
  let received: Buffer | undefined;
  let settle: (() => void) | undefined;
  await using server = await startUnaryServer({
    createKey: (request) => {
      if (request.material?.$case === "keyMaterial") received = request.material.value;
      return new Promise((_, reject) => {
        settle = () => reject(new CallEnded("cancelled"));
      });
    },
  });
  const { client } = server;
  await callRpc(client, keys.createKey, createKeyRequest(Buffer.from("still in use")), {
    onCall: (made) => void eventually(() => settle !== undefined).then(() => made.cancel()),
  });
  await eventually(() => server.outcomes.length === 1);
  expect(received?.toString()).toBe("still in use");
  settle?.();
  await eventually(() => received?.every((byte) => byte === 0) === true);
});

test("observers that throw do not affect the call", async () => {
  await using server = await startUnaryServer(
    { countKeys: countsOne },
    { observers: [{ callStarted: fail, callEnded: fail }] },
  );
  const { client } = server;
  expect((await callRpc(client, keys.countKeys, allKeys)).code).toBe(status.OK);
  await eventually(() => server.lines.length === 2);
  expect(server.lines).toMatchObject([{ msg: "observer failed" }, { msg: "observer failed" }]);
});

test("observers see the caller and the instance that interceptors wrote, also for rejected calls", async () => {
  await using server = await startUnaryServer(
    { countKeys: countsOne },
    {
      interceptors: [
        (next) => (request, context) => {
          context.caller = "spiffe://a/b";
          context.instance = "eu";
          return next(request, context);
        },
        () => () =>
          Promise.reject(new StatusError(status.PERMISSION_DENIED, "CALLER_NOT_AUTHORIZED", "no")),
      ],
    },
  );
  const { client } = server;
  expect((await callRpc(client, keys.countKeys, allKeys)).code).toBe(status.PERMISSION_DENIED);
  await eventually(() => server.outcomes.length === 1);
  expect(server.outcomes[0]?.context).toMatchObject({
    caller: "spiffe://a/b",
    instance: "eu",
  });
});

test("a thousand interleaved calls each get their own correlation ID and answer", async () => {
  await using server = await startUnaryServer({
    listKeys: async (request, context) => {
      await new Promise((resolve) => setTimeout(resolve, request.skip % 17));
      return {
        keys: [],
        nextPageToken: `${request.skip} ${context.correlationId}`,
        totalSize: undefined,
        incomplete: false,
      };
    },
  });
  const { client } = server;
  const ids = new Set<string>();
  await Promise.all(
    Array.from({ length: 1_000 }, async (_, index) => {
      const id = `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`;
      const seen = await callRpc(
        client,
        keys.listKeys,
        listKeysRequest({ pageSize: 0, pageToken: "", skip: index }),
        index % 2 === 0 ? { metadata: { "x-correlation-id": id } } : {},
      );
      const [answered] = seen.trailers.get("x-correlation-id");
      expect(seen.response?.nextPageToken).toBe(`${index} ${String(answered)}`);
      if (index % 2 === 0) expect(answered).toBe(id);
      ids.add(String(answered));
    }),
  );
  expect(ids.size).toBe(1_000);
  expect(server.outcomes).toHaveLength(1_000);
});

test("observers see each call start once and end once, however it ends", async () => {
  const clock = drivenNow();
  await using server = await startUnaryServer(
    {
      countKeys: countsOne,
      getKey: () => Promise.reject(new StatusError(status.NOT_FOUND, "KEY_NOT_FOUND", "none")),
      getKeyMaterial: (_, { signal }) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason)),
        ),
    },
    { clock },
  );
  const { client, activeCalls } = server;
  const forEver = { timeoutMs: Infinity };
  const calls = Array.from({ length: 60 }, (_, index) => {
    if (index % 3 === 0) return callRpc(client, keys.countKeys, allKeys, forEver);
    if (index % 3 === 1) return callRpc(client, keys.getKey, { keyId: "id" }, forEver);
    return callRpc(client, keys.getKeyMaterial, { keyId: "id" }, forEver);
  });
  await eventually(() => server.started.length === 60 && activeCalls.count === 20);
  await clock.advance(10_000);
  const codes = (await Promise.all(calls)).map(({ code }) => code);
  expect(server.endedByLibrary).toEqual([]);
  expect(inOrder(server.outcomes.map(({ code }) => code))).toEqual(inOrder(codes));
  expect(codes.filter((code) => code === status.DEADLINE_EXCEEDED)).toHaveLength(20);
});
