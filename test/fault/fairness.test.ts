/**
 * Fairness between callers when not all calls can be served, and the outcome of the rejected calls.
 * Numbers are rows of the fault matrix.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials, Metadata, type ClientUnaryCall } from "@grpc/grpc-js";
import { randomUUID } from "node:crypto";
import { expect, test, vi } from "vitest";
import { KeysServiceClient } from "../../src/gen/keyprotect/v1/keys_service.ts";
import type { Pool } from "../../src/upstream/transport/pool.ts";
import { eventually } from "../support/eventually.ts";
import { wrapKeyRequest } from "../support/requests.ts";
import { stateOf } from "./load.ts";
import { inMs, metricOf, startWarmGateway, countsOf } from "./warm-gateway.ts";
import { onBusyMachine } from "../support/on-busy-machine.ts";

/** The pools that the gateway creates. They are the real ones; the test only inspects them. */
const pools = vi.hoisted(() => {
  const made: { readonly all: Pool[] } = { all: [] };
  return made;
});
vi.mock(import("../../src/upstream/transport/pool.ts"), async (importOriginal) => {
  const original = await importOriginal();
  return {
    ...original,
    createPool: (options) => {
      const pool = original.createPool(options);
      pools.all.push(pool);
      return pool;
    },
  };
});

test("13: a caller with more calls than another is not served more", onBusyMachine, async () => {
  const folder = await mkdtemp(join(tmpdir(), "gateway-fair-"));
  const path = join(folder, "gateway.sock");
  try {
    await using gateway = await startWarmGateway({
      env: {
        GATEWAY_RATE_CEILING: "40",
        GATEWAY_LISTEN: `127.0.0.1:0,unix:${path}`,
      },
    });
    const modest = new KeysServiceClient(`unix:${path}`, credentials.createInsecure());
    const callerOf = new Map<string, string>();
    const ask = (caller: string, client: KeysServiceClient): Promise<unknown> => {
      const id = randomUUID();
      callerOf.set(id, caller);
      const settings = { ...inMs(30_000), metadata: { "x-correlation-id": id } };
      return gateway.call(client, "getKey", { keyId: gateway.keyId }, settings);
    };
    // The pause keeps every request back until all calls wait.
    gateway.fault({ kind: "respond", status: 429, headers: { "Retry-After": "2" } }, { times: 1 });
    const first = ask("first", gateway.clients.keys);
    await eventually(async () => (await stateOf(gateway)).rate.pausedForMs !== undefined);
    const greedy = Array.from({ length: 45 }, () => ask("greedy", gateway.clients.keys));
    const few = Array.from({ length: 20 }, () => ask("modest", modest));
    await Promise.all([first, ...greedy, ...few]);
    modest.close();
    const served = gateway
      .asked()
      .map(({ correlationId = "" }) => callerOf.get(correlationId) ?? "nobody")
      .filter((caller) => caller !== "first");
    const counts = countsOf(served.slice(0, 36));
    expect(counts["greedy"]).toBeGreaterThanOrEqual(16);
    expect(counts["modest"]).toBeGreaterThanOrEqual(16);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test(
  "18: a call whose deadline passes in the queue is rejected and was never sent",
  onBusyMachine,
  async () => {
    await using gateway = await startWarmGateway({
      env: { GATEWAY_UPSTREAM_CONNECTIONS: "1" },
    });
    const { keys } = gateway.clients;
    const get = (withinMs: number) =>
      [keys, "getKey", { keyId: gateway.keyId }, inMs(withinMs)] as const;
    gateway.emulator.setLatency(2_000);
    const first = gateway.call(...get(20_000));
    await eventually(() => gateway.asked().length === 1);
    const startedAt = performance.now();
    const failure = await gateway.failure(...get(1_000));
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    expect(failure).toMatchObject({ code: "DEADLINE_EXCEEDED", reason: "DEADLINE_IN_QUEUE" });
    expect(failure.errorInfo?.metadata).toMatchObject({ attempts: "0", mayHaveExecuted: "false" });
    expect((await stateOf(gateway)).queue).toMatchObject({ interactive: 0, callers: 0 });
    await first;
    gateway.emulator.setLatency(0);
    await gateway.call(...get(20_000));
    expect(gateway.asked()).toHaveLength(2);
  },
);

test(
  "21: calls with short deadlines do not count against a slow service",
  onBusyMachine,
  async () => {
    await using gateway = await startWarmGateway();
    gateway.fault({ kind: "hang" });
    const failures = await Promise.all(
      Array.from({ length: 30 }, () => gateway.failedUnwrap(inMs(900))),
    );
    expect(countsOf(failures.map(({ code }) => code))).toEqual({ DEADLINE_EXCEEDED: 30 });
    const answered = failures.filter(({ errorInfo }) => errorInfo !== undefined);
    for (const failure of answered) expect(failure.reason).toBe("DEADLINE_UPSTREAM");
    expect(await metricOf(gateway, "keyprotect_gateway_circuits_open")).toBe(0);
    gateway.emulator.faults.clear();
    await gateway.unwrap(inMs(10_000));
  },
);

test(
  "21: calls that had the time of an attempt count against a slow service",
  onBusyMachine,
  async () => {
    await using gateway = await startWarmGateway({
      env: {
        GATEWAY_UPSTREAM_ATTEMPT_TIMEOUT_MS: "400",
        GATEWAY_UPSTREAM_CONNECT_TIMEOUT_MS: "400",
        GATEWAY_RETRY_MAX_ATTEMPTS: "1",
      },
    });
    gateway.fault({ kind: "hang" });
    await Promise.all(Array.from({ length: 30 }, () => gateway.failedUnwrap(inMs(10_000))));
    expect(await metricOf(gateway, "keyprotect_gateway_circuits_open")).toBe(1);
  },
);

test(
  "43: calls wait in the gateway's queue while all connections are busy, also with abandoned requests",
  onBusyMachine,
  async () => {
    const connections = 4;
    await using gateway = await startWarmGateway({
      env: { GATEWAY_UPSTREAM_CONNECTIONS: String(connections) },
    });
    let queued = 0;
    let isOver = false;
    const watch = (): void => {
      for (const pool of pools.all) queued = Math.max(queued, pool.queued);
      if (!isOver) setImmediate(watch);
    };
    watch();
    gateway.emulator.setLatency(40);
    const request = wrapKeyRequest(gateway.keyId, gateway.secrets.bytes(32));
    const { actions } = gateway.clients;
    const cancelled: ClientUnaryCall[] = [];
    const calls = Array.from(
      { length: 120 },
      (_unused, index) =>
        new Promise<string>((resolve) => {
          const call = actions.wrapKey(request, new Metadata(), inMs(30_000), (error) =>
            resolve(error === null ? "OK" : error.details),
          );
          if (index % 3 === 0) cancelled.push(call);
        }),
    );
    // Some of these calls are being sent, some are queued.
    for (const call of cancelled) {
      await new Promise((resolve) => setTimeout(resolve, 15));
      call.cancel();
    }
    const outcomes = countsOf(await Promise.all(calls));
    await eventually(async () => (await stateOf(gateway)).connections.inFlight === 0);
    isOver = true;
    expect(outcomes["OK"]).toBeGreaterThanOrEqual(80);
    expect(queued).toBe(0);
    expect(gateway.emulator.openConnections).toBeLessThanOrEqual(connections + cancelled.length);
    expect((await stateOf(gateway)).connections).toMatchObject({ inFlight: 0, most: connections });
  },
);
