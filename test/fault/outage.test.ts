/**
 * Key Protect fails: which requests are retried, when the circuit opens and how it closes. Numbers
 * are rows of the fault matrix.
 */
import { Metadata, status, type ClientUnaryCall } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { createKeyRequest, unwrapKeyRequest } from "../support/requests.ts";
import type { Failure } from "../support/start-gateway.ts";
import {
  inMs,
  metricOf,
  pushbackOf,
  startWarmGateway,
  countsOf,
  type WarmGateway,
} from "./warm-gateway.ts";
import { onBusyMachine } from "../support/on-busy-machine.ts";

const answer = (httpStatus: number) => ({ kind: "respond", status: httpStatus }) as const;

/** Number of exchanges that a circuit must see before it can open. */
const volume = 20;
/** Shortest time for which a data-plane circuit stays open at first: 5 s less one fifth. */
const firstResetMs = 4_000;

/** Makes unwraps fail until the circuit opens. Returns the failures before that. */
async function openCircuit(gateway: WarmGateway): Promise<readonly Failure[]> {
  const failures: Failure[] = [];
  for (let calls = 0; calls < volume; calls++) {
    const failure = await gateway.failedUnwrap(inMs(10_000));
    if (failure.reason === "CIRCUIT_OPEN") return failures;
    failures.push(failure);
  }
  throw new Error("the circuit did not open");
}

/** Waits until the circuit reports that it is half open. */
async function untilHalfOpen(gateway: WarmGateway): Promise<void> {
  const failure = await gateway.failedUnwrap();
  expect(failure.reason).toBe("CIRCUIT_OPEN");
  await new Promise((resolve) => {
    setTimeout(resolve, pushbackOf(failure) + 50);
  });
}

/** Opens the circuit and waits until it lets a probe through. Key Protect works again by then. */
async function openAndWait(gateway: WarmGateway): Promise<void> {
  gateway.fault(answer(500));
  await openCircuit(gateway);
  gateway.emulator.faults.clear();
  await untilHalfOpen(gateway);
}

test("22: an unwrap is retried after one 503 and succeeds", async () => {
  await using gateway = await startWarmGateway();
  gateway.fault(answer(503), { times: 1 });
  await gateway.unwrap(inMs(10_000));
  expect(gateway.asked().map((request) => request.status)).toEqual([503, 200]);
});

test("23: a creation that gets 503 has an unknown outcome and is not retried", async () => {
  await using gateway = await startWarmGateway();
  gateway.fault(answer(503), { times: 1 });
  const failure = await gateway.failure(gateway.clients.keys, "createKey", createKeyRequest());
  expect(failure).toMatchObject({ code: "UNKNOWN", reason: "OUTCOME_UNKNOWN" });
  expect(failure.errorInfo?.metadata).toMatchObject({ mayHaveExecuted: "true", attempts: "1" });
  expect(pushbackOf(failure)).toBe(-1);
  expect(gateway.asked()).toHaveLength(1);
});

test("22: a call that gets 503 with Retry-After is retried after that time", async () => {
  await using gateway = await startWarmGateway();
  gateway.fault({ ...answer(503), headers: { "Retry-After": "1" } }, { times: 1 });
  await gateway.unwrap(inMs(10_000));
  const [first, second] = gateway.asked();
  expect(gateway.asked()).toHaveLength(2);
  expect((second?.receivedAt ?? 0) - (first?.receivedAt ?? 0)).toBeGreaterThanOrEqual(950);
});

test("25, 26: a service that always fails gets three requests per call, and soon none", async () => {
  await using gateway = await startWarmGateway();
  gateway.fault(answer(500));
  const failures = await openCircuit(gateway);
  for (const failure of failures) {
    expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "UPSTREAM_INTERNAL" });
    expect(failure.errorInfo?.metadata["mayHaveExecuted"]).toBe("false");
    expect(Number(failure.errorInfo?.metadata["attempts"])).toBeLessThanOrEqual(3);
  }
  // The key and the ciphertext were created before. One of these two requests used this circuit.
  expect(gateway.asked().length).toBeGreaterThanOrEqual(volume - 2);
  expect(gateway.asked().length).toBeLessThanOrEqual(volume);
  expect(await metricOf(gateway, "keyprotect_gateway_circuits_open")).toBe(1);

  const before = gateway.asked().length;
  const refused = await Promise.all(Array.from({ length: 100 }, () => gateway.failedUnwrap()));
  for (const failure of refused) {
    expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "CIRCUIT_OPEN" });
    expect(failure.errorInfo?.metadata).toMatchObject({ attempts: "0", mayHaveExecuted: "false" });
    expect(pushbackOf(failure)).toBeGreaterThan(0);
    expect(pushbackOf(failure)).toBeLessThanOrEqual(firstResetMs);
  }
  expect(gateway.asked()).toHaveLength(before);

  // Management requests have their own circuit, which has seen no failure.
  gateway.emulator.faults.clear();
  await gateway.call(gateway.clients.keys, "createKey", createKeyRequest());
  expect(gateway.log().filter(({ msg }) => String(msg).startsWith("the circuit is open"))).toEqual([
    expect.objectContaining({ operations: "data" }),
  ]);
}, 60_000);

test(
  "27: calls that wait for quota are rejected immediately when the circuit opens",
  onBusyMachine,
  async () => {
    await using gateway = await startWarmGateway({ env: { GATEWAY_RATE_CEILING: "50" } });
    gateway.fault(answer(500));
    const calls = 90;
    const startedAt = performance.now();
    const failures = await Promise.all(
      Array.from({ length: calls }, () => gateway.failedUnwrap(inMs(30_000))),
    );
    const tookMs = performance.now() - startedAt;
    const counts = countsOf(failures.map(({ code, reason }) => `${code} ${reason}`));
    expect(Object.keys(counts).toSorted()).toEqual([
      "UNAVAILABLE CIRCUIT_OPEN",
      "UNAVAILABLE UPSTREAM_INTERNAL",
    ]);
    expect(counts["UNAVAILABLE CIRCUIT_OPEN"]).toBeGreaterThan(calls / 2);
    // Requests that were active when the circuit opened are added to its volume.
    expect(gateway.asked().length).toBeLessThanOrEqual(volume + 5);
    // The queue would have lasted this long at this rate.
    expect(tookMs).toBeLessThan((calls / 50) * 1_000);
    expect(await metricOf(gateway, "keyprotect_gateway_queued")).toBe(0);
  },
);

test(
  "27: calls that wait during a pause are rejected when the circuit opens",
  onBusyMachine,
  async () => {
    await using gateway = await startWarmGateway({
      env: { GATEWAY_RATE_CEILING: "1000", GATEWAY_UPSTREAM_CONNECTIONS: "32" },
    });
    const inFlight = 32;
    gateway.fault({ ...answer(503), headers: { "Retry-After": "30" } }, { delayMs: 1_000 });
    // These calls have no time for another attempt. The others have time to wait for as long as Key
    // Protect asks.
    const failing = Array.from({ length: inFlight }, () => gateway.failedUnwrap(inMs(15_000)));
    await eventually(() => gateway.asked().length === inFlight);
    const waiting = Array.from({ length: 20 }, () => gateway.failedUnwrap(inMs(55_000)));
    await eventually(async () => (await metricOf(gateway, "keyprotect_gateway_queued")) === 20);
    for (const failure of await Promise.all(failing)) {
      expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "UPSTREAM_UNAVAILABLE" });
    }
    const failedAt = performance.now();
    for (const failure of await Promise.all(waiting)) {
      expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "CIRCUIT_OPEN" });
      expect(failure.errorInfo?.metadata["attempts"]).toBe("0");
    }
    expect(performance.now() - failedAt).toBeLessThan(5_000);
    expect(gateway.asked()).toHaveLength(inFlight);
  },
);

test(
  "28, 32: a half-open circuit sends one of 50 calls, and its answer closes the circuit",
  onBusyMachine,
  async () => {
    await using gateway = await startWarmGateway();
    await openAndWait(gateway);
    // The latency is long enough that all other calls arrive during the probe.
    gateway.emulator.setLatency(1_000);
    gateway.emulator.requests.clear();
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, () =>
        gateway.unwrap(inMs(10_000)).then(
          () => "OK",
          () => "failed",
        ),
      ),
    );
    expect(countsOf(outcomes)).toEqual({ OK: 1, failed: 49 });
    expect(gateway.asked()).toHaveLength(1);

    gateway.emulator.setLatency(0);
    await gateway.unwrap();
    expect(await metricOf(gateway, "keyprotect_gateway_circuits_open")).toBe(0);
    // One further failure does not open the circuit, because it has forgotten the failures of the
    // outage.
    gateway.fault(answer(500), { times: 1 });
    await gateway.unwrap();
  },
);

test(
  "30: a probe that hangs opens the circuit again, for twice as long",
  onBusyMachine,
  async () => {
    await using gateway = await startWarmGateway();
    await openAndWait(gateway);
    gateway.fault({ kind: "hang" });
    gateway.emulator.requests.clear();
    const failure = await gateway.failedUnwrap(inMs(20_000));
    expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "UPSTREAM_TIMEOUT" });
    // The retries met the circuit that the call itself had opened.
    expect(gateway.asked()).toHaveLength(1);
    const refused = await gateway.failedUnwrap();
    expect(refused.reason).toBe("CIRCUIT_OPEN");
    // The circuit stays open for eight seconds after the failed probe. The caller of the probe got
    // its failure one second into them.
    expect(pushbackOf(refused)).toBeGreaterThan(firstResetMs);
    expect(pushbackOf(refused)).toBeLessThanOrEqual(2 * firstResetMs);
    expect(gateway.asked()).toHaveLength(1);
  },
);

test("33: rejected requests are neither retried nor counted against the service", async () => {
  await using gateway = await startWarmGateway();
  const expected = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "FAILED_PRECONDITION",
    410: "FAILED_PRECONDITION",
    412: "FAILED_PRECONDITION",
    422: "INVALID_ARGUMENT",
  };
  const each = 5;
  for (const [httpStatus, code] of Object.entries(expected)) {
    gateway.fault(answer(Number(httpStatus)), { times: each });
    const failures = await Promise.all(Array.from({ length: each }, () => gateway.failedUnwrap()));
    for (const failure of failures) {
      expect(failure.code).toBe(code);
      expect(failure.errorInfo?.metadata).toMatchObject({ httpStatus, attempts: "1" });
    }
  }
  expect(gateway.asked()).toHaveLength(each * Object.keys(expected).length);
  expect(await metricOf(gateway, "keyprotect_gateway_circuits_open")).toBe(0);
  await gateway.unwrap();
});

test(
  "31: a probe whose request is rejected as invalid closes the circuit",
  onBusyMachine,
  async () => {
    await using gateway = await startWarmGateway();
    await openAndWait(gateway);
    gateway.fault(answer(404), { times: 1 });
    expect(await gateway.failedUnwrap()).toMatchObject({ code: "NOT_FOUND" });
    await gateway.unwrap();
    expect(await metricOf(gateway, "keyprotect_gateway_circuits_open")).toBe(0);
  },
);

test(
  "29: a probe whose caller cancels continues, and its answer closes the circuit",
  onBusyMachine,
  async () => {
    await using gateway = await startWarmGateway();
    await openAndWait(gateway);
    gateway.emulator.setLatency(800);
    gateway.emulator.requests.clear();
    const request = unwrapKeyRequest(gateway.keyId, Buffer.from("e30=", "base64"));
    let call: ClientUnaryCall | undefined;
    const ended = new Promise<status | undefined>((resolve) => {
      const { actions } = gateway.clients;
      call = actions.unwrapKey(request, new Metadata(), inMs(10_000), (error) =>
        resolve(error?.code),
      );
    });
    await eventually(() => gateway.asked().length === 1);
    call?.cancel();
    expect(await ended).toBe(status.CANCELLED);
    expect(await metricOf(gateway, "keyprotect_gateway_circuits_open")).toBe(1);
    await eventually(
      async () => (await metricOf(gateway, "keyprotect_gateway_circuits_open")) === 0,
    );
    // The request was answered and not aborted.
    expect(gateway.asked()).toMatchObject([{ operation: "unwrapKey", status: expect.any(Number) }]);
    gateway.emulator.setLatency(0);
    await gateway.unwrap();
  },
);
