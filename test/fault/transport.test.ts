/** Connections that break, and invalid responses. Numbers are rows of the fault matrix. */
import { Metadata, status, type ClientUnaryCall } from "@grpc/grpc-js";
import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { createKeyRequest, unwrapKeyRequest } from "../support/requests.ts";
import { inMs, metricOf, pushbackOf, startWarmGateway, type WarmGateway } from "./warm-gateway.ts";
import { onBusyMachine } from "../support/on-busy-machine.ts";

/** More failures than a circuit needs to open. */
const manyCalls = 30;

/** Resolves when every exchange has ended on Key Protect's side. */
const untilAllEnded = (gateway: WarmGateway): Promise<void> =>
  eventually(() => gateway.asked().every(({ durationMs }) => durationMs !== undefined));

test("20: calls that are cancelled in flight end their requests and do not count against the service", async () => {
  await using gateway = await startWarmGateway();
  gateway.fault({ kind: "hang" });
  const calls: ClientUnaryCall[] = [];
  const request = unwrapKeyRequest(gateway.keyId, Buffer.from("e30=", "base64"));
  const ended = Array.from(
    { length: manyCalls },
    () =>
      new Promise<status | undefined>((resolve) => {
        const { actions } = gateway.clients;
        calls.push(
          actions.unwrapKey(request, new Metadata(), inMs(30_000), (error) => resolve(error?.code)),
        );
      }),
  );
  await eventually(() => gateway.asked().length === manyCalls);
  for (const call of calls) call.cancel();
  expect(new Set(await Promise.all(ended))).toEqual(new Set([status.CANCELLED]));
  await untilAllEnded(gateway);
  expect(gateway.asked()).toHaveLength(manyCalls);
  gateway.emulator.faults.clear();
  expect(await metricOf(gateway, "keyprotect_gateway_circuits_open")).toBe(0);
  await gateway.unwrap();
});

test("34: every call, also a change, is sent three times if no server listens", async () => {
  await using gateway = await startWarmGateway();
  await gateway.emulator[Symbol.asyncDispose]();
  const { keys } = gateway.clients;
  const failures = [
    await gateway.failedUnwrap(inMs(10_000)),
    await gateway.failure(keys, "createKey", createKeyRequest(), inMs(10_000)),
  ];
  for (const failure of failures) {
    expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "UPSTREAM_UNREACHABLE" });
    expect(failure.errorInfo?.metadata).toMatchObject({ attempts: "3", mayHaveExecuted: "false" });
    expect(pushbackOf(failure)).toBeGreaterThan(0);
  }
});

describe.each(["before-processing", "after-processing"] as const)("a reset %s", (when) => {
  test("37: an unwrap is retried after a reset of a used connection", async () => {
    await using gateway = await startWarmGateway();
    gateway.fault({ kind: "reset", when }, { times: 1 });
    await gateway.unwrap(inMs(10_000));
    const [first, second] = gateway.asked();
    expect(gateway.asked()).toHaveLength(2);
    expect(second?.connection).not.toBe(first?.connection);
  });

  test("37: a creation has an unknown outcome after a reset and is not retried", async () => {
    await using gateway = await startWarmGateway();
    gateway.fault({ kind: "reset", when }, { times: 1 });
    const { keys } = gateway.clients;
    const failure = await gateway.failure(keys, "createKey", createKeyRequest());
    expect(failure).toMatchObject({ code: "UNKNOWN", reason: "OUTCOME_UNKNOWN" });
    expect(failure.errorInfo?.metadata).toMatchObject({ attempts: "1", mayHaveExecuted: "true" });
    expect(pushbackOf(failure)).toBe(-1);
    expect(gateway.asked()).toHaveLength(1);
    const totalSize = when === "after-processing" ? 2 : 1;
    expect(await gateway.call(keys, "countKeys", {})).toEqual({ totalSize });
  });
});

describe.each([
  ["39: a body that stalls", { kind: "stall" }],
  ["42: a head that comes drop by drop", { kind: "drip-head", intervalMs: 200 }],
] as const)("%s", (_name, action) => {
  test("39, 42: a slow answer is abandoned after the attempt time-out, with its connection", async () => {
    await using gateway = await startWarmGateway({
      env: {
        GATEWAY_UPSTREAM_ATTEMPT_TIMEOUT_MS: "500",
        GATEWAY_UPSTREAM_CONNECT_TIMEOUT_MS: "500",
      },
    });
    gateway.fault(action);
    const failure = await gateway.failedUnwrap(inMs(20_000));
    expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "UPSTREAM_TIMEOUT" });
    expect(failure.errorInfo?.metadata["attempts"]).toBe("3");
    expect(gateway.asked()).toHaveLength(3);
    expect(new Set(gateway.asked().map(({ connection }) => connection)).size).toBe(3);
    await untilAllEnded(gateway);
  });

  test(
    "39, 42: a slow answer is abandoned at the caller's deadline if that is earlier",
    onBusyMachine,
    async () => {
      await using gateway = await startWarmGateway();
      gateway.fault(action);
      const failure = await gateway.failedUnwrap(inMs(1_500));
      expect(failure).toMatchObject({ code: "DEADLINE_EXCEEDED", reason: "DEADLINE_UPSTREAM" });
      expect(gateway.asked()).toHaveLength(1);
      await untilAllEnded(gateway);
    },
  );

  test("39, 42: a slow answer is followed by another attempt", async () => {
    await using gateway = await startWarmGateway({
      env: { GATEWAY_UPSTREAM_ATTEMPT_TIMEOUT_MS: "1000" },
    });
    gateway.fault(action, { times: 1 });
    await gateway.unwrap(inMs(20_000));
    expect(gateway.asked()).toHaveLength(2);
  });
});

const tooMuch = 32 * 1_024 * 1_024;

test.each([
  ["40: a body announced as too large", { kind: "oversize", bytes: tooMuch }],
  ["40: a body that turns out too large", { kind: "oversize", bytes: tooMuch, isChunked: true }],
  ["41: JSON that does not parse", { kind: "garble" }],
  [
    "41: a page of HTML with status 200",
    { kind: "respond", status: 200, body: "<html>canary of a proxy</html>" },
  ],
] as const)(
  "%s is rejected, not read to its end and not requested again",
  async (_name, action) => {
    await using gateway = await startWarmGateway();
    gateway.fault(action);
    const failure = await gateway.failedUnwrap(inMs(15_000));
    expect(failure).toMatchObject({ code: "INTERNAL", reason: "UPSTREAM_BAD_RESPONSE" });
    expect(failure.errorInfo?.metadata).toMatchObject({ attempts: "1", mayHaveExecuted: "false" });
    expect(gateway.asked()).toHaveLength(1);
    await untilAllEnded(gateway);
    expect(JSON.stringify([failure, gateway.log()])).not.toContain("canary");
    gateway.emulator.faults.clear();
    await gateway.unwrap();
  },
);

test("41: an unwrap is retried after a truncated answer", async () => {
  await using gateway = await startWarmGateway();
  gateway.fault({ kind: "truncate" }, { times: 1 });
  await gateway.unwrap(inMs(10_000));
  expect(gateway.asked()).toHaveLength(2);
});

test("40: bodies that are too large open the circuit", async () => {
  await using gateway = await startWarmGateway();
  gateway.fault({ kind: "oversize", bytes: tooMuch });
  for (let calls = 0; calls < manyCalls; calls++) await gateway.failedUnwrap(inMs(15_000));
  expect(await metricOf(gateway, "keyprotect_gateway_circuits_open")).toBe(1);
  expect(gateway.asked().length).toBeLessThanOrEqual(20);
}, 60_000);

test.each([
  ["JSON that does not parse opens", { kind: "garble" }],
  ["pages of HTML open", { kind: "respond", status: 200, body: "<html>what a proxy says</html>" }],
] as const)(
  "41: %s the circuit",
  async (_name, action) => {
    await using gateway = await startWarmGateway();
    gateway.fault(action);
    for (let calls = 0; calls < manyCalls; calls++) await gateway.failedUnwrap(inMs(15_000));
    expect(await metricOf(gateway, "keyprotect_gateway_circuits_open")).toBe(1);
    expect(gateway.asked().length).toBeLessThanOrEqual(20);
  },
  60_000,
);

test("63: correlation IDs stay with their calls through queue and retries", async () => {
  await using gateway = await startWarmGateway({ env: { GATEWAY_RATE_CEILING: "1000" } });
  const { emulator, clients } = gateway;
  gateway.fault({ kind: "respond", status: 503 }, { probability: 0.04 });
  gateway.fault({ kind: "reset", when: "before-processing" }, { probability: 0.02 });
  const linesBefore = gateway.log().length;
  const ids = Array.from({ length: 1_000 }, () => randomUUID());
  const waiting = ids.values();
  const wrong: string[] = [];
  // A hundred callers fill the queue and stay below the number of calls that one caller may queue.
  const callers = Array.from({ length: 100 }, async () => {
    for (const id of waiting) {
      const { trailers } = await gateway.outcome(
        clients.keys,
        "getKey",
        { keyId: gateway.keyId },
        { ...inMs(30_000), metadata: { "x-correlation-id": id } },
      );
      if (trailers.get("x-correlation-id")[0] !== id) wrong.push(`trailers of ${id}`);
    }
  });
  await Promise.all(callers);

  const known = new Set<string>(ids);
  const timesAsked = new Map<string, number>();
  for (const { correlationId = "" } of gateway.asked()) {
    if (!known.has(correlationId)) wrong.push(`request ${correlationId}`);
    timesAsked.set(correlationId, (timesAsked.get(correlationId) ?? 0) + 1);
  }
  const logged = gateway
    .log()
    .slice(linesBefore)
    .filter(({ msg }) => msg === "call");
  for (const { correlationId, upstreamAttempts } of logged) {
    if (timesAsked.get(String(correlationId)) !== upstreamAttempts)
      wrong.push(`line of ${String(correlationId)}`);
  }
  expect(wrong).toEqual([]);
  expect(new Set(logged.map(({ correlationId }) => correlationId))).toEqual(known);
  expect(logged).toHaveLength(known.size);
  // Some requests were retried. Otherwise the test would show less than its title says.
  expect(emulator.requests.count({ service: "keyprotect" })).toBeGreaterThan(known.size);
  expect(Math.max(...timesAsked.values())).toBeLessThanOrEqual(3);
}, 60_000);
