/**
 * Deadlines and cancellation: callers get a typed response before their deadline, and abandoned
 * work is aborted.
 */
import { Metadata, status, type ClientUnaryCall } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { KeyType } from "../../src/gen/keyprotect/v1/key.ts";
import { eventually } from "../support/eventually.ts";
import {
  createKeyId,
  createKeyRequest,
  deleteKeyRequest,
  rotateKeyRequest,
  unwrapKeyRequest,
  wrapKeyRequest,
} from "../support/requests.ts";
import { startTestGateway, type Failure, type TestGateway } from "../support/start-gateway.ts";
import { onBusyMachine } from "../support/on-busy-machine.ts";

/** This time limit is longer than every deadline here, so the deadline ends the calls. */
const patient = { GATEWAY_UPSTREAM_ATTEMPT_TIMEOUT_MS: "20000" };
const keyId = "77777777-7777-4777-8777-777777777777";
const inMs = (ms: number): { deadline: number } => ({ deadline: Date.now() + ms });

/** Returns the log lines of ended calls. */
const callLines = (gateway: TestGateway): readonly Readonly<Record<string, unknown>>[] =>
  gateway.log().filter(({ msg }) => msg === "call");

describe("a service that hangs", () => {
  // Gateway and caller share an event loop here. If the machine stops for longer than the margin,
  // the caller's timer fires first.
  test(
    "the gateway answers before the caller's deadline if Key Protect hangs",
    onBusyMachine,
    async () => {
      await using gateway = await startTestGateway({ env: patient });
      const { keys, actions } = gateway.clients;
      // This call makes the gateway get its token, so that only the service hangs later.
      await gateway.call(keys, "countKeys", {});
      gateway.emulator.faults.add({ match: { service: "keyprotect" }, action: { kind: "hang" } });
      const plaintext = gateway.secrets.bytes(32);
      const ended: readonly (readonly [Promise<Failure>, string])[] = [
        [gateway.failure(keys, "getKey", { keyId }, inMs(5_000)), "false"],
        [
          gateway.failure(actions, "wrapKey", wrapKeyRequest(keyId, plaintext), inMs(5_000)),
          "false",
        ],
        [gateway.failure(keys, "deleteKey", deleteKeyRequest(keyId), inMs(5_000)), "true"],
        [gateway.failure(keys, "createKey", createKeyRequest(), inMs(5_000)), "true"],
        [gateway.failure(actions, "rotateKey", rotateKeyRequest(keyId), inMs(5_000)), "true"],
      ];
      const failures = await Promise.all(
        ended.map(async ([failure, mayHaveExecuted]) => ({ ...(await failure), mayHaveExecuted })),
      );
      for (const failure of failures) {
        expect(failure).toMatchObject({ code: "DEADLINE_EXCEEDED", reason: "DEADLINE_UPSTREAM" });
        // A response made by the library would have no trailers.
        expect(failure.correlationId).toMatch(/^[0-9a-f-]{36}$/);
        expect(failure.requestInfo?.requestId).toBe(failure.correlationId);
        expect(failure.errorInfo?.metadata["mayHaveExecuted"]).toBe(failure.mayHaveExecuted);
      }
      await eventually(() =>
        gateway.emulator.requests
          .list({ service: "keyprotect" })
          .every(({ durationMs }) => durationMs !== undefined),
      );
      expect(
        callLines(gateway).filter(({ reason }) => reason === "DEADLINE_UPSTREAM"),
      ).toHaveLength(5);
    },
  );

  test("a call without a deadline ends at the default deadline if Key Protect hangs", async () => {
    await using gateway = await startTestGateway({ env: patient });
    gateway.emulator.faults.add({ match: { operation: "wrapKey" }, action: { kind: "hang" } });
    const started = performance.now();
    const failure = await gateway.failure(
      gateway.clients.actions,
      "wrapKey",
      wrapKeyRequest(keyId, gateway.secrets.bytes(32)),
    );
    const tookMs = performance.now() - started;
    expect(failure).toMatchObject({ code: "DEADLINE_EXCEEDED", reason: "DEADLINE_UPSTREAM" });
    expect(tookMs).toBeGreaterThan(4_500);
    expect(tookMs).toBeLessThan(20_000);
  }, 60_000);

  test("an attempt that hangs ends at the RPC's attempt time-out, before the deadline of the call", async () => {
    await using gateway = await startTestGateway({
      env: { GATEWAY_UPSTREAM_ATTEMPT_TIMEOUT_MS: "1000" },
    });
    gateway.emulator.faults.add({ match: { service: "keyprotect" }, action: { kind: "hang" } });
    const { keys, actions } = gateway.clients;
    const plaintext = gateway.secrets.bytes(32);
    const [read, wrap, create] = await Promise.all([
      gateway.failure(keys, "getKey", { keyId }, inMs(15_000)),
      gateway.failure(actions, "wrapKey", wrapKeyRequest(keyId, plaintext), inMs(15_000)),
      gateway.failure(keys, "createKey", createKeyRequest(), inMs(15_000)),
    ]);
    for (const failure of [read, wrap]) {
      expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "UPSTREAM_TIMEOUT" });
      expect(failure.retryInfo).toBeDefined();
      expect(failure.errorInfo?.metadata["mayHaveExecuted"]).toBe("false");
    }
    expect(create).toMatchObject({ code: "UNKNOWN", reason: "OUTCOME_UNKNOWN" });
  }, 60_000);

  test("a call with no time left is not sent to Key Protect", async () => {
    await using gateway = await startTestGateway();
    await gateway.call(gateway.clients.keys, "countKeys", {});
    const before = gateway.upstreamRequests().length;
    const { error } = await gateway.outcome(gateway.clients.keys, "countKeys", {}, inMs(1));
    expect(error?.code).toBe(status.DEADLINE_EXCEEDED);
    expect(gateway.upstreamRequests()).toHaveLength(before);
  });
});

describe("a caller that cancels", () => {
  test("a caller that cancels ends the upstream request, and the log records it", async () => {
    await using gateway = await startTestGateway({ env: patient });
    const { emulator, clients } = gateway;
    await gateway.call(clients.keys, "countKeys", {});
    emulator.faults.add({ match: { operation: "getKeyMetadata" }, action: { kind: "hang" } });
    const asked = (): ReturnType<typeof emulator.requests.list> =>
      emulator.requests.list({ operation: "getKeyMetadata" });

    let call: ClientUnaryCall | undefined;
    const ended = new Promise<status | undefined>((resolve) => {
      call = clients.keys.getKey({ keyId }, new Metadata(), inMs(30_000), (error) =>
        resolve(error?.code),
      );
    });
    await eventually(() => asked().length === 1);
    expect(emulator.openConnections).toBeGreaterThan(0);
    call?.cancel();
    expect(await ended).toBe(status.CANCELLED);
    await eventually(() => asked().every(({ durationMs }) => durationMs !== undefined));
    expect(asked()).toMatchObject([{ status: undefined, isExecuted: false }]);

    await eventually(() => callLines(gateway).some(({ code }) => code === "CANCELLED"));
    const [line] = callLines(gateway).filter(({ code }) => code === "CANCELLED");
    expect(line).toMatchObject({
      method: "keyprotect.v1.KeysService/GetKey",
      upstreamAttempts: 1,
      correlationId: asked()[0]?.correlationId,
    });
    // The connection is free for other calls.
    expect(await gateway.call(clients.keys, "countKeys", {})).toEqual({ totalSize: 0 });
  }, 60_000);

  test("a cancelled call that may have been executed is logged as a warning", async () => {
    await using gateway = await startTestGateway({ env: patient });
    const { emulator, clients } = gateway;
    emulator.faults.add({ match: { operation: "createKey" }, action: { kind: "stall" } });
    let call: ClientUnaryCall | undefined;
    const ended = new Promise<status | undefined>((resolve) => {
      call = clients.keys.createKey(
        createKeyRequest({ type: KeyType.STANDARD }),
        new Metadata(),
        inMs(30_000),
        (error) => resolve(error?.code),
      );
    });
    await eventually(() =>
      emulator.requests.list({ operation: "createKey" }).some(({ isExecuted }) => isExecuted),
    );
    call?.cancel();
    expect(await ended).toBe(status.CANCELLED);
    await eventually(() => callLines(gateway).some(({ code }) => code === "CANCELLED"));
    expect(callLines(gateway).filter(({ code }) => code === "CANCELLED")).toMatchObject([
      { level: "warn", mayHaveExecuted: true, method: "keyprotect.v1.KeysService/CreateKey" },
    ]);
  }, 60_000);
});

test("300 calls that time out do not affect a long call on the same connection", async () => {
  await using gateway = await startTestGateway({ env: patient });
  const { emulator, clients } = gateway;
  await gateway.call(clients.keys, "countKeys", {});
  emulator.faults.add({ match: { operation: "createKey" }, delayMs: 5_000 });
  emulator.faults.add({ match: { operation: "getKeyMetadata" }, action: { kind: "hang" } });

  const long = createKeyId(gateway);
  await eventually(() => emulator.requests.count({ operation: "createKey" }) === 1);
  const expired = await Promise.all(
    Array.from({ length: 300 }, () =>
      gateway.outcome(clients.keys, "getKey", { keyId }, inMs(2_500)),
    ),
  );
  expect(expired.filter(({ error }) => error === null)).toEqual([]);
  expect(await long).toMatch(/^[0-9a-f-]{36}$/);
  expect(await gateway.call(clients.keys, "countKeys", {})).toEqual({ totalSize: 1 });
  // One peer address with its port means one connection.
  expect(new Set(callLines(gateway).map(({ peer }) => peer)).size).toBe(1);
}, 60_000);

describe("a connection that breaks in mid-call", () => {
  test("a connection reset after processing leaves the outcome of a change unknown, and reads can be retried", async () => {
    await using gateway = await startTestGateway();
    const { keys, actions } = gateway.clients;
    const rootKey = await createKeyId(gateway);
    const wrapped = await gateway.call(
      actions,
      "wrapKey",
      wrapKeyRequest(rootKey, gateway.secrets.bytes(32)),
    );
    const fault = gateway.emulator.faults.add({
      match: { service: "keyprotect" },
      action: { kind: "reset", when: "after-processing" },
    });
    const changes = [
      await gateway.failure(keys, "createKey", createKeyRequest()),
      await gateway.failure(actions, "rotateKey", rotateKeyRequest(rootKey)),
      await gateway.failure(gateway.clients.lockers, "createLocker", {
        ttl: undefined,
        maxAllowedRetrievals: 1,
      }),
    ];
    for (const failure of changes) {
      expect(failure).toMatchObject({ code: "UNKNOWN", reason: "OUTCOME_UNKNOWN" });
      expect(failure.errorInfo?.metadata["mayHaveExecuted"]).toBe("true");
      expect(failure.error.metadata.get("grpc-retry-pushback-ms")).toEqual(["-1"]);
      expect(failure.retryInfo).toBeUndefined();
    }
    const repeatable = [
      await gateway.failure(actions, "wrapKey", wrapKeyRequest(rootKey, Buffer.from("text"))),
      await gateway.failure(actions, "unwrapKey", unwrapKeyRequest(rootKey, wrapped.ciphertext)),
      await gateway.failure(keys, "getKey", { keyId: rootKey }),
      await gateway.failure(keys, "countKeys", {}),
    ];
    for (const failure of repeatable) {
      expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "UPSTREAM_UNAVAILABLE" });
      expect(failure.errorInfo?.metadata["mayHaveExecuted"]).toBe("false");
      expect(failure.retryInfo).toBeDefined();
    }
    gateway.emulator.faults.remove(fault);
    // The creation was executed once.
    expect(await gateway.call(keys, "countKeys", {})).toEqual({ totalSize: 2 });
  }, 60_000);

  test("a connection reset because the service died is reported, and nothing is sent while it is down", async () => {
    await using gateway = await startTestGateway({ env: patient });
    const { emulator, clients } = gateway;
    await gateway.call(clients.keys, "countKeys", {});
    emulator.faults.add({ match: { service: "keyprotect" }, action: { kind: "hang" } });
    const create = gateway.failure(clients.keys, "createKey", createKeyRequest(), inMs(20_000));
    const wrap = gateway.failure(
      clients.actions,
      "wrapKey",
      wrapKeyRequest(keyId, gateway.secrets.bytes(32)),
      inMs(20_000),
    );
    await eventually(() => emulator.requests.count({ service: "keyprotect" }) === 3);
    await emulator[Symbol.asyncDispose]();
    expect(await create).toMatchObject({ code: "UNKNOWN", reason: "OUTCOME_UNKNOWN" });
    expect(await wrap).toMatchObject({ code: "UNAVAILABLE" });

    const later = await gateway.failure(clients.keys, "createKey", createKeyRequest());
    expect(later).toMatchObject({ code: "UNAVAILABLE", reason: "UPSTREAM_UNREACHABLE" });
    expect(later.errorInfo?.metadata["mayHaveExecuted"]).toBe("false");
  }, 60_000);
});
