/** IAM fails or rejects, and Key Protect rejects tokens. Numbers are rows of the fault matrix. */
import { expect, test } from "vitest";
import { systemClock } from "../../src/platform/clock.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";
import { inMs, pushbackOf, startWarmGateway } from "./warm-gateway.ts";
import { onBusyMachine } from "../support/on-busy-machine.ts";

const iamRequests = (gateway: TestGateway): number =>
  gateway.emulator.requests.count({ service: "iam" });
const upstreamCount = (gateway: TestGateway): number =>
  gateway.emulator.requests.count({ service: "keyprotect" });
const iam = { service: "iam" } as const;
const random = (): number => 0;

/**
 * The system clock with an offset that a test can increase. Ages include the offset; timers that
 * already run do not.
 */
function createShiftedClock() {
  let shiftMs = 0;
  return {
    ...systemClock,
    now: (): number => systemClock.now() + shiftMs,
    shift(ms: number): void {
      shiftMs += ms;
    },
  };
}

test("46: calls continue with the current token while IAM is down, and few of them ask for a new one", async () => {
  const clock = createShiftedClock();
  await using gateway = await startWarmGateway({ deps: { clock } });
  gateway.emulator.faults.add({ match: iam, action: { kind: "respond", status: 503 } });
  // The token is valid for one hour. It is now due for renewal but still valid.
  clock.shift(50 * 60_000);
  for (let calls = 0; calls < 20; calls++) await gateway.unwrap(inMs(20_000));
  await expect.poll(() => iamRequests(gateway), { timeout: 15_000 }).toBeGreaterThanOrEqual(3);
  await Promise.all(Array.from({ length: 50 }, () => gateway.unwrap(inMs(20_000))));
  // One renewal makes three requests. A second and a third renewal may become due on a slow
  // machine.
  expect(iamRequests(gateway)).toBeLessThanOrEqual(9);
  expect(gateway.asked().every(({ status }) => status === 200)).toBe(true);

  // The gateway asks IAM again in time and uses the new token.
  gateway.emulator.faults.clear();
  const [before] = gateway.asked().slice(-1);
  clock.shift(31_000);
  await expect
    .poll(
      async () => {
        await gateway.unwrap(inMs(20_000));
        return gateway.asked().at(-1)?.headers["authorization"];
      },
      { timeout: 15_000 },
    )
    .not.toBe(before?.headers["authorization"]);
}, 60_000);

test(
  "47: 200 calls without a token send nothing to Key Protect and three requests to IAM",
  onBusyMachine,
  async () => {
    await using gateway = await startTestGateway({ deps: { random } });
    // The delay is long enough that all calls wait for the same token request.
    gateway.emulator.faults.add({
      match: iam,
      delayMs: 300,
      action: { kind: "respond", status: 503 },
    });
    const failures = await Promise.all(
      Array.from({ length: 200 }, () =>
        gateway.failure(gateway.clients.keys, "countKeys", {}, inMs(20_000)),
      ),
    );
    for (const failure of failures) {
      expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "IAM_UNAVAILABLE" });
      expect(failure.errorInfo?.metadata).toMatchObject({
        attempts: "0",
        mayHaveExecuted: "false",
      });
      expect(pushbackOf(failure)).toBeGreaterThanOrEqual(0);
    }
    expect(iamRequests(gateway)).toBe(3);
    expect(upstreamCount(gateway)).toBe(0);
  },
);

test("47: an IAM that sends Retry-After gets no request in that time, and callers learn the time", async () => {
  await using gateway = await startTestGateway({ deps: { random } });
  gateway.emulator.faults.add({
    match: iam,
    action: { kind: "respond", status: 429, headers: { "Retry-After": "20" } },
  });
  for (let calls = 0; calls < 20; calls++) {
    const failure = await gateway.failure(gateway.clients.keys, "countKeys", {}, inMs(20_000));
    expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "IAM_UNAVAILABLE" });
    expect(pushbackOf(failure)).toBeGreaterThan(0);
    expect(pushbackOf(failure)).toBeLessThanOrEqual(20_000);
  }
  expect(iamRequests(gateway)).toBe(1);
  expect(upstreamCount(gateway)).toBe(0);
});

test("49: a credential that IAM rejects is sent once a minute, and logged once", async () => {
  const clock = createShiftedClock();
  const refused = "a-refused-api-key-for-tests";
  await using gateway = await startTestGateway({
    env: { IBMCLOUD_API_KEY: refused },
    deps: { random, clock },
  });
  gateway.secrets.markText(refused);
  const callAll = async (): Promise<void> => {
    const failures = await Promise.all(
      Array.from({ length: 50 }, () => gateway.failure(gateway.clients.keys, "countKeys", {})),
    );
    for (const failure of failures) {
      expect(failure).toMatchObject({
        code: "INTERNAL",
        reason: "UPSTREAM_CREDENTIALS_REJECTED",
      });
      expect(failure.retryInfo).toBeUndefined();
    }
  };
  await callAll();
  await callAll();
  expect(iamRequests(gateway)).toBe(1);
  // These lines come in addition to the line of each call.
  const complaints = gateway.log().filter(({ level, msg }) => level === "error" && msg !== "call");
  expect(complaints).toHaveLength(1);
  clock.shift(61_000);
  await callAll();
  expect(iamRequests(gateway)).toBe(2);
  expect(upstreamCount(gateway)).toBe(0);
});

test("50: a token that is revoked during 100 calls is replaced once, and each call is retried once", async () => {
  await using gateway = await startWarmGateway();
  gateway.emulator.tokens.revokeAll();
  await Promise.all(Array.from({ length: 100 }, () => gateway.unwrap(inMs(20_000))));
  expect(iamRequests(gateway)).toBe(1);
  const refused = gateway.asked().filter(({ status }) => status === 401).length;
  expect(refused).toBeGreaterThan(0);
  expect(gateway.asked()).toHaveLength(100 + refused);
}, 60_000);

test("51: a gateway whose every token is rejected gets a new one once in ten seconds", async () => {
  const clock = createShiftedClock();
  await using gateway = await startWarmGateway({ deps: { clock } });
  gateway.fault({ kind: "respond", status: 401 });
  const calls = 10;
  const callAll = async (): Promise<void> => {
    for (let made = 0; made < calls; made++) {
      const failure = await gateway.failedUnwrap(inMs(20_000));
      expect(failure).toMatchObject({
        code: "PERMISSION_DENIED",
        reason: "UPSTREAM_ACCESS_DENIED",
      });
      expect(Number(failure.errorInfo?.metadata["attempts"])).toBeLessThanOrEqual(2);
    }
  };
  await callAll();
  expect(iamRequests(gateway)).toBe(1);
  // One of the calls was retried: the one whose token could be replaced.
  expect(gateway.asked()).toHaveLength(calls + 1);
  clock.shift(11_000);
  await callAll();
  expect(iamRequests(gateway)).toBe(2);
  expect(gateway.asked()).toHaveLength(2 * (calls + 1));
});
