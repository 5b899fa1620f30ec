/**
 * The quota of an instance is used up, and calls queue for it. Numbers are rows of the fault
 * matrix.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { credentials, Metadata, status, type ClientUnaryCall } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { KeysServiceClient } from "../../src/gen/keyprotect/v1/keys_service.ts";
import { eventually } from "../support/eventually.ts";
import { createKeyRequest } from "../support/requests.ts";
import { statusDetails } from "../support/status-details.ts";
import {
  inMs,
  metricOf,
  pushbackOf,
  startWarmGateway,
  countsOf,
  type WarmGateway,
} from "./warm-gateway.ts";
import { onBusyMachine } from "../support/on-busy-machine.ts";

const throttled = (retryAfter?: string) =>
  ({
    kind: "respond",
    status: 429,
    ...(retryAfter === undefined ? {} : { headers: { "Retry-After": retryAfter } }),
  }) as const;

const paced = (perSecond: number) => ({ env: { GATEWAY_RATE_CEILING: String(perSecond) } });

/** Milliseconds between the first two requests. */
function gapMs(gateway: WarmGateway): number {
  const [first, second] = gateway.asked();
  if (first === undefined || second === undefined) throw new Error("nothing was repeated");
  return second.receivedAt - first.receivedAt;
}

const queued = (gateway: WarmGateway): Promise<number> =>
  metricOf(gateway, "keyprotect_gateway_queued");
const rate = (gateway: WarmGateway): Promise<number> =>
  metricOf(gateway, "keyprotect_gateway_rate_per_second");

/**
 * Makes Key Protect ask for a pause of two seconds. `first` is the call that received this
 * response; it is the first to be sent afterwards.
 */
async function startPause(gateway: WarmGateway): Promise<{ readonly first: Promise<void> }> {
  gateway.fault(throttled("2"), { times: 1 });
  const first = gateway.unwrap(inMs(30_000));
  await eventually(async () => (await queued(gateway)) === 1);
  return { first };
}

describe.each([
  ["with a rate ceiling", paced(100)],
  ["unpaced", {}],
])("%s", (_name, options) => {
  test("1: a call waits after one 429 and then succeeds", async () => {
    await using gateway = await startWarmGateway(options);
    gateway.fault(throttled(), { times: 1 });
    await gateway.unwrap(inMs(10_000));
    expect(gateway.asked().map((request) => request.status)).toEqual([429, 200]);
    expect(await metricOf(gateway, "keyprotect_gateway_circuits_open")).toBe(0);
  });

  test("2: a call that always gets 429 is sent three times and fails before its deadline", async () => {
    await using gateway = await startWarmGateway(options);
    gateway.fault(throttled());
    const failure = await gateway.failedUnwrap(inMs(3_000));
    expect(failure).toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: "UPSTREAM_RATE_LIMITED" });
    expect(failure.quotaFailure?.violations[0]?.subject).toBe("instance:default");
    expect(pushbackOf(failure)).toBeGreaterThan(0);
    expect(gateway.asked().length).toBeLessThanOrEqual(3);
    // The circuit stays closed after any number of 429s, because an exhausted quota is no outage.
    await Promise.all(Array.from({ length: 30 }, () => gateway.failedUnwrap(inMs(1_000))));
    expect(await metricOf(gateway, "keyprotect_gateway_circuits_open")).toBe(0);
  });

  test("3: nothing is sent in the time of Key Protect's Retry-After", async () => {
    await using gateway = await startWarmGateway(options);
    gateway.fault(throttled("2"), { times: 1 });
    await gateway.unwrap(inMs(20_000));
    expect(gateway.asked()).toHaveLength(2);
    expect(gapMs(gateway)).toBeGreaterThanOrEqual(1_950);
  });

  test(
    "4: a call that cannot wait for Retry-After is rejected immediately with the time to wait",
    onBusyMachine,
    async () => {
      await using gateway = await startWarmGateway(options);
      gateway.fault(throttled("30"), { times: 1 });
      const startedAt = performance.now();
      const failure = await gateway.failedUnwrap(inMs(5_000));
      expect(performance.now() - startedAt).toBeLessThan(2_500);
      expect(failure).toMatchObject({
        code: "RESOURCE_EXHAUSTED",
        reason: "UPSTREAM_RATE_LIMITED",
      });
      expect(pushbackOf(failure)).toBe(30_000);
      expect(gateway.asked()).toHaveLength(1);
    },
  );

  test.each([
    ["a date", () => new Date(Date.now() + 4_000).toUTCString(), 1_500],
    ["garbage", () => "soon", 0],
    ["a negative number", () => "-5", 0],
    ["a date that has passed", () => new Date(0).toUTCString(), 0],
  ])("5: the gateway handles a Retry-After that is %s", async (_form, write, leastMs) => {
    await using gateway = await startWarmGateway(options);
    gateway.fault(throttled(write()), { times: 1 });
    await gateway.unwrap(inMs(20_000));
    expect(gateway.asked()).toHaveLength(2);
    expect(gapMs(gateway)).toBeGreaterThanOrEqual(leastMs);
  });

  test("5: a very long Retry-After counts as one minute", async () => {
    await using gateway = await startWarmGateway(options);
    gateway.fault(throttled("1000000000"), { times: 1 });
    const failure = await gateway.failedUnwrap(inMs(5_000));
    expect(failure).toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: "UPSTREAM_RATE_LIMITED" });
    expect(pushbackOf(failure)).toBe(60_000);
  });

  test("24: a creation that gets 429 was not executed, and a retry creates one key", async () => {
    await using gateway = await startWarmGateway(options);
    gateway.fault(throttled(), { times: 1 });
    const { keys } = gateway.clients;
    await gateway.call(keys, "createKey", createKeyRequest(), inMs(10_000));
    expect(gateway.asked().map((request) => request.status)).toEqual([429, 201]);
    expect(await gateway.call(keys, "countKeys", {})).toEqual({ totalSize: 2 });
  });
});

test("1: a 429 lowers the rate once, by 1.5 %", async () => {
  await using gateway = await startWarmGateway(paced(100));
  expect(await rate(gateway)).toBeCloseTo(98.5, 5);
  gateway.fault(throttled(), { times: 1 });
  await gateway.unwrap(inMs(10_000));
  expect(await rate(gateway)).toBeCloseTo(98.5 * 0.985, 5);
});

test("4, 17: a call whose deadline is before the end of a pause is rejected, and nothing is sent", async () => {
  await using gateway = await startWarmGateway(paced(100));
  gateway.fault(throttled("30"), { times: 1 });
  await gateway.failedUnwrap(inMs(1_000));
  const refused = await Promise.all(
    Array.from({ length: 20 }, () => gateway.failedUnwrap(inMs(3_000))),
  );
  for (const failure of refused) {
    expect(failure).toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: "UPSTREAM_RATE_LIMITED" });
    expect(failure.errorInfo?.metadata).toMatchObject({ attempts: "0", mayHaveExecuted: "false" });
    expect(pushbackOf(failure)).toBeGreaterThan(3_000);
    expect(pushbackOf(failure)).toBeLessThanOrEqual(5_500);
  }
  expect(gateway.asked()).toHaveLength(1);
});

test.each([
  [429, "86400", "RESOURCE_EXHAUSTED", "UPSTREAM_RATE_LIMITED"],
  [503, "86400", "UNAVAILABLE", "UPSTREAM_UNAVAILABLE"],
  [429, "Fri, 31 Dec 9999 23:59:59 GMT", "RESOURCE_EXHAUSTED", "UPSTREAM_RATE_LIMITED"],
  [503, "Fri, 31 Dec 9999 23:59:59 GMT", "UNAVAILABLE", "UPSTREAM_UNAVAILABLE"],
] as const)(
  "5: after a single %d with Retry-After %s all classes are served again within eight seconds",
  async (httpStatus, retryAfter, code, reason) => {
    await using gateway = await startWarmGateway(paced(100));
    const headers = { "Retry-After": retryAfter };
    gateway.fault({ kind: "respond", status: httpStatus, headers }, { times: 1 });
    await gateway.failedUnwrap(inMs(1_000));
    const startedAt = performance.now();
    expect(await gateway.failedUnwrap(inMs(1_000))).toMatchObject({ code, reason });
    const { keys } = gateway.clients;
    await Promise.all([
      gateway.unwrap(inMs(20_000)),
      gateway.call(keys, "createKey", createKeyRequest(), inMs(20_000)),
      gateway.call(keys, "listKeys", { pageSize: 10, pageToken: "", skip: 0 }, inMs(20_000)),
    ]);
    expect(performance.now() - startedAt).toBeLessThan(8_000);
  },
);

test("5: a long Retry-After is kept once a second answer confirms it", async () => {
  await using gateway = await startWarmGateway(paced(100));
  gateway.fault(throttled("86400"));
  await gateway.failedUnwrap(inMs(12_000));
  expect(gateway.asked()).toHaveLength(2);
  const failure = await gateway.failedUnwrap(inMs(12_000));
  expect(failure).toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: "UPSTREAM_RATE_LIMITED" });
  expect(pushbackOf(failure)).toBeGreaterThan(20_000);
  expect(gateway.asked()).toHaveLength(2);
});

test(
  "12: unwraps overtake a flood of lists, and the lists are served too",
  onBusyMachine,
  async () => {
    await using gateway = await startWarmGateway(paced(50));
    const { keys } = gateway.clients;
    const list = { pageSize: 10, pageToken: "", skip: 0 };
    const lists = Array.from({ length: 80 }, () =>
      gateway.call(keys, "listKeys", list, inMs(30_000)),
    );
    await eventually(async () => (await queued(gateway)) > 50);
    await Promise.all(Array.from({ length: 10 }, () => gateway.unwrap(inMs(30_000))));
    // Of 17 permits, 16 go to unwraps.
    expect(await queued(gateway)).toBeGreaterThan(20);
    await Promise.all(lists);
    expect(countsOf(gateway.asked().map(({ operation }) => operation))).toEqual({
      getKeys: 80,
      unwrapKey: 10,
    });
  },
);

test("15: a full queue rejects new calls immediately, and waiting calls are served", async () => {
  await using gateway = await startWarmGateway(paced(10));
  const outcomes = await Promise.all(
    Array.from({ length: 60 }, async () => {
      const settings = inMs(30_000);
      const { error } = await gateway.outcome(
        gateway.clients.keys,
        "getKey",
        { keyId: gateway.keyId },
        settings,
      );
      if (error === null) return "OK";
      expect(Number(error.metadata.get("grpc-retry-pushback-ms")[0])).toBeGreaterThan(0);
      return `${status[error.code]} ${statusDetails(error).errorInfo?.reason ?? ""}`;
    }),
  );
  const counts = countsOf(outcomes);
  expect(Object.keys(counts).toSorted()).toEqual(["OK", "UNAVAILABLE OVERLOADED"]);
  // The queue holds the calls of two seconds, and few more were sent while the others arrived.
  expect(counts["OK"]).toBeGreaterThanOrEqual(19);
  expect(counts["UNAVAILABLE OVERLOADED"]).toBeGreaterThan(0);
  expect(gateway.asked()).toHaveLength(counts["OK"] ?? 0);
}, 60_000);

test("16: a caller with too many waiting calls is rejected, and another caller is not", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gateway-fault-"));
  const path = join(folder, "gateway.sock");
  try {
    await using gateway = await startWarmGateway({
      env: {
        GATEWAY_RATE_CEILING: "100",
        GATEWAY_QUEUE_MAX_CALLER_PERCENT: "60",
        GATEWAY_LISTEN: `127.0.0.1:0,unix:${path}`,
      },
    });
    const other = new KeysServiceClient(`unix:${path}`, credentials.createInsecure());
    const { first } = await startPause(gateway);
    const theirs = gateway.call(other, "getKey", { keyId: gateway.keyId }, inMs(30_000));
    await eventually(async () => (await queued(gateway)) === 2);
    const mine = Array.from({ length: 160 }, () =>
      gateway.outcome(gateway.clients.keys, "getKey", { keyId: gateway.keyId }, inMs(30_000)),
    );
    const refused = (await Promise.all(mine)).flatMap(({ error }) =>
      error === null
        ? []
        : [`${status[error.code]} ${statusDetails(error).errorInfo?.reason ?? ""}`],
    );
    await theirs;
    await first;
    other.close();
    expect(refused.length).toBeGreaterThan(0);
    expect(countsOf(refused)).toEqual({
      "RESOURCE_EXHAUSTED CALLER_RATE_LIMITED": refused.length,
    });
    expect(gateway.asked()).toHaveLength(2 + 160 - refused.length + 1);
  } finally {
    await rm(folder, { recursive: true });
  }
}, 60_000);

test("1: six times two 429s while nearly idle do not keep the only caller from 40 calls per second", async () => {
  await using gateway = await startWarmGateway();
  for (let times = 0; times < 6; times++) {
    gateway.fault(throttled(), { times: 2 });
    await gateway.unwrap(inMs(10_000));
    await sleep(400);
  }
  const outcomes: Promise<{ atMs: number; refusal: string | undefined }>[] = [];
  const startedAt = performance.now();
  for (let atMs = 0; atMs < 15_000; atMs += 25) {
    await sleep(startedAt + atMs - performance.now());
    const get = { keyId: gateway.keyId };
    const asked = gateway.outcome(gateway.clients.keys, "getKey", get, inMs(2_000));
    outcomes.push(
      asked.then(({ error }) => ({
        atMs,
        refusal: error === null ? undefined : statusDetails(error).errorInfo?.reason,
      })),
    );
  }
  const calls = await Promise.all(outcomes);
  const refusals = countsOf(calls.flatMap(({ refusal }) => refusal ?? []));
  expect(Object.keys(refusals)).not.toContain("CALLER_RATE_LIMITED");
  const late = calls.filter(({ atMs }) => atMs >= 10_000);
  expect(late.filter(({ refusal }) => refusal !== undefined)).toEqual([]);
}, 60_000);

test("19: a call that is cancelled in the queue leaves it immediately and uses no quota", async () => {
  await using gateway = await startWarmGateway(paced(100));
  const { first } = await startPause(gateway);
  let call: ClientUnaryCall | undefined;
  const ended = new Promise<status | undefined>((resolve) => {
    const request = { keyId: gateway.keyId };
    call = gateway.clients.keys.getKey(request, new Metadata(), inMs(30_000), (error) =>
      resolve(error?.code),
    );
  });
  await eventually(async () => (await queued(gateway)) === 2);
  call?.cancel();
  expect(await ended).toBe(status.CANCELLED);
  await eventually(async () => (await queued(gateway)) <= 1);
  await first;
  await gateway.unwrap();
  expect(countsOf(gateway.asked().map(({ operation }) => operation))).toEqual({ unwrapKey: 3 });
  const [line] = gateway.log().filter(({ msg, code }) => msg === "call" && code === "CANCELLED");
  expect(line).toMatchObject({ method: "keyprotect.v1.KeysService/GetKey" });
});

test("14: a full queue drops a list for an unwrap", async () => {
  await using gateway = await startWarmGateway(paced(10));
  const list = { pageSize: 10, pageToken: "", skip: 0 };
  const lists = Array.from({ length: 40 }, () =>
    gateway.outcome(gateway.clients.keys, "listKeys", list, inMs(30_000)),
  );
  await eventually(async () => (await queued(gateway)) >= 19);
  await Promise.all(Array.from({ length: 5 }, () => gateway.unwrap(inMs(30_000))));
  const refused = (await Promise.all(lists)).flatMap(({ error }) => error ?? []);
  expect(refused.length).toBeLessThan(lists.length);
  for (const error of refused) {
    expect(error.code).toBe(status.UNAVAILABLE);
    expect(statusDetails(error).errorInfo?.reason).toBe("OVERLOADED");
  }
  expect(gateway.asked()).toHaveLength(lists.length - refused.length + 5);
}, 60_000);
