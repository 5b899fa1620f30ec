/**
 * Tokens that arrive late, have unusual lifetimes or are rejected late, and clocks that are wrong.
 * Numbers are rows of the fault matrix.
 */
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/platform/clock.ts";
import { eventually } from "../support/eventually.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";
import { inMs, pushbackOf, startWarmGateway, countsOf } from "./warm-gateway.ts";
import { onBusyMachine } from "../support/on-busy-machine.ts";

const hourMs = 3_600_000;
const iam = { service: "iam" } as const;
const iamRequests = (gateway: TestGateway): number => gateway.emulator.requests.count(iam);
const upstreamCount = (gateway: TestGateway): number =>
  gateway.emulator.requests.count({ service: "keyprotect" });

test(
  "48: 500 calls end at their deadlines while IAM is slow, and its one answer serves the next call",
  onBusyMachine,
  async () => {
    await using gateway = await startTestGateway();
    const { keys } = gateway.clients;
    gateway.emulator.faults.add({ match: iam, times: 1, delayMs: 4_000 });
    const failures = await Promise.all(
      Array.from({ length: 500 }, () => gateway.failure(keys, "countKeys", {}, inMs(2_000))),
    );
    expect(countsOf(failures.map(({ code }) => code))).toEqual({ DEADLINE_EXCEEDED: 500 });
    expect(iamRequests(gateway)).toBe(1);
    expect(upstreamCount(gateway)).toBe(0);
    await gateway.call(keys, "countKeys", {}, inMs(20_000));
    expect(iamRequests(gateway)).toBe(1);
    expect(upstreamCount(gateway)).toBe(1);
  },
);

test("52: a late rejection of an old token does not discard the newer one", async () => {
  await using gateway = await startWarmGateway();
  // The first of two requests is answered long after the second was retried with a new token.
  gateway.fault({ kind: "respond", status: 401 }, { times: 1, delayMs: 1_500 });
  gateway.fault({ kind: "respond", status: 401 }, { times: 1 });
  const late = gateway.unwrap(inMs(20_000));
  await eventually(() => gateway.asked().length === 1);
  await gateway.unwrap(inMs(20_000));
  expect(iamRequests(gateway)).toBe(1);
  await late;
  await gateway.unwrap(inMs(20_000));
  expect(iamRequests(gateway)).toBe(1);
  const tokens = gateway.asked().map(({ headers }) => headers["authorization"]);
  const [old, again, newer] = tokens;
  expect(again).toBe(old);
  expect(newer).not.toBe(old);
  expect(tokens).toEqual([old, old, newer, newer, newer]);
}, 60_000);

describe.each([
  ["an hour slow", -hourMs],
  ["an hour fast", hourMs],
])("a wall clock that is %s", (_name, offMs) => {
  test("53: a wrong wall clock does not affect the life of a token", async () => {
    const clock = { ...systemClock, wallNow: (): number => systemClock.wallNow() + offMs };
    await using gateway = await startTestGateway({ deps: { clock } });
    const { keys } = gateway.clients;
    // The calls have no deadlines, because grpc-js computes a deadline from the wall clock.
    for (let calls = 0; calls < 10; calls++) await gateway.call(keys, "countKeys", {});
    expect(iamRequests(gateway)).toBe(1);
    expect(upstreamCount(gateway)).toBe(10);
  });
});

test("53: a token that has expired by the local clock is used for its granted life", async () => {
  await using gateway = await startTestGateway({
    emulator: { wallNow: () => Date.now() - 3 * hourMs },
  });
  const { keys } = gateway.clients;
  for (let calls = 0; calls < 10; calls++) await gateway.call(keys, "countKeys", {}, inMs(10_000));
  expect(iamRequests(gateway)).toBe(1);
});

test("53: a wall clock that is set while a token is in use causes at most one new token", async () => {
  let offMs = 0;
  const clock = { ...systemClock, wallNow: (): number => systemClock.wallNow() + offMs };
  await using gateway = await startTestGateway({ deps: { clock } });
  const { keys } = gateway.clients;
  await gateway.call(keys, "countKeys", {});
  offMs = -hourMs;
  for (let calls = 0; calls < 5; calls++) await gateway.call(keys, "countKeys", {});
  expect(iamRequests(gateway)).toBe(1);
  // The gateway cannot distinguish this jump from an hour of sleep, after which the token would be
  // expired.
  offMs = hourMs;
  for (let calls = 0; calls < 5; calls++) await gateway.call(keys, "countKeys", {});
  expect(iamRequests(gateway)).toBe(2);
});

test("54: a token with a life of one minute is used for one minute", async () => {
  await using gateway = await startTestGateway({ emulator: { tokenLifetimeSeconds: 60 } });
  const { keys } = gateway.clients;
  for (let calls = 0; calls < 50; calls++) await gateway.call(keys, "countKeys", {}, inMs(10_000));
  expect(iamRequests(gateway)).toBe(1);
});

test("54: a token's own expiry is used if IAM does not send one", async () => {
  await using gateway = await startTestGateway();
  gateway.emulator.faults.add({
    match: iam,
    action: { kind: "rewrite", patch: { expires_in: null } },
  });
  const { keys } = gateway.clients;
  for (let calls = 0; calls < 20; calls++) await gateway.call(keys, "countKeys", {}, inMs(10_000));
  expect(iamRequests(gateway)).toBe(1);
});

test.each([
  ["0 s", { expires_in: 0 }],
  ["less than 0 s", { expires_in: -60 }],
  ["unknown length", { expires_in: null, access_token: "opaque" }],
])(
  "54: a token with a life of %s is not used, and IAM is not asked in a tight loop",
  async (_name, patch) => {
    await using gateway = await startTestGateway({ deps: { random: () => 0.5 } });
    gateway.emulator.faults.add({ match: iam, action: { kind: "rewrite", patch } });
    const startedAt = performance.now();
    for (let calls = 0; calls < 50; calls++) {
      const failure = await gateway.failure(gateway.clients.keys, "countKeys", {}, inMs(10_000));
      expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "IAM_UNAVAILABLE" });
      expect(pushbackOf(failure)).toBeGreaterThanOrEqual(0);
    }
    // The gateway does not ask IAM again for three quarters of a second, and then of two seconds.
    const seconds = (performance.now() - startedAt) / 1_000;
    expect(iamRequests(gateway)).toBeLessThanOrEqual(1 + Math.ceil(seconds / 0.75));
    expect(upstreamCount(gateway)).toBe(0);
  },
);
