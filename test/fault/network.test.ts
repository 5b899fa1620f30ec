/** Key Protect cannot be reached, or only for a moment. Numbers are rows of the fault matrix. */
import dns from "node:dns";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/platform/clock.ts";
import { createKeyRequest } from "../support/requests.ts";
import { startTestGateway } from "../support/start-gateway.ts";
import { createAuthorityFile } from "./authority-file.ts";
import { startGate, startSilence, type BlackHole } from "./black-hole.ts";
import { startEmptyService } from "./empty-service.ts";
import { inMs, pushbackOf } from "./warm-gateway.ts";
import { onBusyMachine } from "../support/on-busy-machine.ts";

describe.each<[string, () => Promise<BlackHole>]>([
  ["where the TLS handshake hangs", startGate],
  ["where no SYN is answered", startSilence],
])("%s", (_name, start) => {
  test(
    "35: a call ends at its deadline when no connection can be set up",
    onBusyMachine,
    async () => {
      await using hole = await start();
      await using trust = await createAuthorityFile();
      await using gateway = await startTestGateway(trust.gatewayOptions(hole.port));
      // This call makes the gateway get its token first.
      await gateway.failure(gateway.clients.keys, "countKeys", {}, inMs(1_000));
      const startedAt = performance.now();
      const failure = await gateway.failure(gateway.clients.keys, "countKeys", {}, inMs(400));
      expect(performance.now() - startedAt).toBeLessThan(800);
      expect(failure).toMatchObject({ code: "DEADLINE_EXCEEDED", reason: "DEADLINE_UPSTREAM" });
      expect(failure.errorInfo?.metadata).toMatchObject({
        attempts: "1",
        mayHaveExecuted: "false",
      });
    },
  );

  test("36: a call with time left gets an error that Key Protect cannot be reached, and soon the circuit opens", async () => {
    await using hole = await start();
    await using trust = await createAuthorityFile();
    await using gateway = await startTestGateway(
      trust.gatewayOptions(hole.port, { GATEWAY_BREAKER_MINIMUM_REQUESTS: "3" }),
    );
    const { keys } = gateway.clients;
    const startedAt = performance.now();
    const failure = await gateway.failure(keys, "createKey", createKeyRequest(), inMs(20_000));
    // Each attempt ends after 900 ms.
    expect(performance.now() - startedAt).toBeGreaterThan(3 * 850);
    expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "UPSTREAM_UNREACHABLE" });
    expect(failure.errorInfo?.metadata).toMatchObject({ attempts: "3", mayHaveExecuted: "false" });
    expect(pushbackOf(failure)).toBeGreaterThan(0);
    const refused = await gateway.failure(keys, "createKey", createKeyRequest());
    expect(refused).toMatchObject({ code: "UNAVAILABLE", reason: "CIRCUIT_OPEN" });
  }, 60_000);
});

test("35: a request that is abandoned during a hanging handshake is not sent when the handshake completes", async () => {
  await using gate = await startGate();
  await using trust = await createAuthorityFile();
  await using service = await startEmptyService({
    tls: trust.authority.issue({ ipAddresses: ["127.0.0.1"] }),
  });
  await using gateway = await startTestGateway(
    trust.gatewayOptions(gate.port, {
      GATEWAY_UPSTREAM_CONNECT_TIMEOUT_MS: "10000",
      GATEWAY_UPSTREAM_ATTEMPT_TIMEOUT_MS: "15000",
      GATEWAY_UPSTREAM_CONNECTIONS: "1",
    }),
  );
  const { keys } = gateway.clients;
  const given = await gateway.failure(keys, "createKey", createKeyRequest(), inMs(500));
  expect(given).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  expect(gate.connections).toBe(1);
  const next = gateway.call(keys, "countKeys", {}, inMs(20_000));
  gate.open(service.port);
  expect(await next).toEqual({ totalSize: 0 });
  expect(gate.connections).toBe(1);
  expect(service.asked).toEqual(["HEAD"]);
}, 60_000);

test("38: a thousand reads over connections that the server closes succeed", async () => {
  let turn = 0;
  // The connection closes at once or up to 20 ms later: when the next request arrives, or while it
  // is on its way.
  await using service = await startEmptyService({ closeAfterMs: () => (turn += 1) % 20 });
  await using gateway = await startTestGateway({
    env: { KP_SERVICE_URL: `http://127.0.0.1:${service.port}` },
  });
  const list = { pageSize: 1, pageToken: "", skip: 0 };
  const callers = Array.from({ length: 4 }, async (_unused, caller) => {
    for (let calls = 0; calls < 250; calls++) {
      await gateway.call(gateway.clients.keys, "listKeys", list, inMs(20_000));
      await new Promise((resolve) => setTimeout(resolve, (caller + calls) % 5));
    }
  });
  await Promise.all(callers);
  expect(service.asked.length).toBeGreaterThanOrEqual(1_000);
  // Without reused connections this test would have tested nothing.
  expect(service.connections).toBeLessThan(service.asked.length);
}, 60_000);

test("44: calls to a host without an address fail and can all be retried", async () => {
  await using gateway = await startTestGateway({
    env: { KP_SERVICE_URL: "https://key-protect.invalid" },
  });
  const { keys } = gateway.clients;
  const failure = await gateway.failure(keys, "createKey", createKeyRequest(), inMs(20_000));
  expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "UPSTREAM_UNREACHABLE" });
  expect(failure.errorInfo?.metadata).toMatchObject({ attempts: "3", mayHaveExecuted: "false" });
  expect(failure.message).not.toContain("invalid");
}, 60_000);

/** Makes a name resolve to the result of `addressOf`. All other names resolve as usual. */
function resolveAs(name: string, addressOf: () => string): Disposable {
  const real = dns.lookup;
  const redirected: unknown = (asked: string, ...rest: readonly unknown[]): unknown =>
    Reflect.apply(real, dns, [asked === name ? addressOf() : asked, ...rest]);
  Object.assign(dns, { lookup: redirected });
  return { [Symbol.dispose]: () => void Object.assign(dns, { lookup: real }) };
}

test("44: requests go to a new address of the host after five minutes at the latest", async () => {
  await using before = await startEmptyService({ host: "127.0.0.1" });
  await using after = await startEmptyService({ host: "127.0.0.2", port: before.port });
  let address = "127.0.0.1";
  let shiftMs = 0;
  using names = resolveAs("key-protect.test", () => address);
  await using gateway = await startTestGateway({
    deps: { clock: { ...systemClock, now: (): number => systemClock.now() + shiftMs } },
    env: {
      KP_SERVICE_URL: `http://key-protect.test:${before.port}`,
      GATEWAY_ALLOW_INSECURE_UPSTREAM: "true",
    },
  });
  const { keys } = gateway.clients;
  // The test does not use CountKeys, because undici closes the connection after each HEAD.
  const list = { pageSize: 1, pageToken: "", skip: 0 };
  await gateway.call(keys, "listKeys", list, inMs(10_000));
  address = "127.0.0.2";
  await gateway.call(keys, "listKeys", list, inMs(10_000));
  // The second request used the existing connection.
  expect([before.asked.length, after.asked.length]).toEqual([2, 0]);
  shiftMs = 300_000;
  await gateway.call(keys, "listKeys", list, inMs(10_000));
  expect([before.asked.length, after.asked.length]).toEqual([2, 1]);
  expect(names).toBeDefined();
}, 60_000);
