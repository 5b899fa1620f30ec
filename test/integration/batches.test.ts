/** Batches: results in order, partial success, shared requests, quota, access, log and metrics. */
import { Metadata } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import type {
  UnwrapKeyRequest,
  WrapKeyRequest,
} from "../../src/gen/keyprotect/v1/key_actions_service.ts";
import { failureOf, outcomesOf, responseOf } from "../support/batch-results.ts";
import { eventually } from "../support/eventually.ts";
import { onBusyMachine } from "../support/on-busy-machine.ts";
import { createKeyId, unwrapKeyRequest, wrapKeyRequest } from "../support/requests.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";

const absentKeyId = "0f5c2f0e-6f0a-4a55-9d0b-0d6f4f4f2a11";
const otherCrn = `crn:v1:bluemix:public:kms:us-south:a/1:99999999-9999-4999-8999-999999999999:key:${absentKeyId}`;

/** Wraps plaintexts in one batch, which must succeed. */
async function wrapped(
  gateway: TestGateway,
  keyId: string,
  plaintexts: readonly Buffer[],
): Promise<Buffer[]> {
  const items = plaintexts.map((plaintext) => wrapKeyRequest(keyId, plaintext));
  const { results } = await gateway.call(gateway.clients.actions, "batchWrapKey", { items });
  return results.map((result) => responseOf(result).ciphertext);
}

const plaintextsOf = (gateway: TestGateway, count: number): Buffer[] =>
  Array.from({ length: count }, () => gateway.secrets.bytes(32));

const actionsOf = (gateway: TestGateway, action: string): number =>
  gateway.upstreamRequests().filter((request) => request.endsWith(`/${action}`)).length;

const batchLine = (gateway: TestGateway) =>
  gateway.log().filter(({ msg, method }) => msg === "call" && String(method).includes("/Batch"));

describe.each(["current", "2019"] as const)("in the dialect %s", (dialect) => {
  test("100 data keys are wrapped and unwrapped in the order of the items", async () => {
    await using gateway = await startTestGateway({ dialect });
    const { actions } = gateway.clients;
    const keyId = await createKeyId(gateway);
    const plaintexts = plaintextsOf(gateway, 100);
    const ciphertexts = await wrapped(gateway, keyId, plaintexts);
    const items = ciphertexts.map((ciphertext) => unwrapKeyRequest(keyId, ciphertext));
    const { results } = await gateway.call(actions, "batchUnwrapKey", { items });
    expect(results.map((result) => responseOf(result).plaintext)).toEqual(plaintexts);
  });
});

test("equal plaintexts of a batch get ciphertexts that differ, each from a request of its own", async () => {
  await using gateway = await startTestGateway();
  const keyId = await createKeyId(gateway);
  const plaintext = gateway.secrets.bytes(32);
  const ciphertexts = await wrapped(gateway, keyId, [plaintext, plaintext, plaintext]);
  expect(new Set(ciphertexts.map((each) => each.toString("hex"))).size).toBe(3);
  expect(gateway.upstreamRequests().filter((each) => each.endsWith("/wrap"))).toHaveLength(3);
});

test.each([
  ["batchUnwrapKey", "unwrap"],
  ["batchRewrapKey", "rewrap"],
] as const)(
  "identical items of %s share one request, and each has its result",
  async (method, action) => {
    await using gateway = await startTestGateway();
    const keyId = await createKeyId(gateway);
    const [first, second] = await wrapped(gateway, keyId, plaintextsOf(gateway, 2));
    if (first === undefined || second === undefined) throw new Error("two were wrapped");
    const ofFirst = unwrapKeyRequest(keyId, first);
    const items = [ofFirst, unwrapKeyRequest(keyId, second), ofFirst, ofFirst];
    const { results } = await gateway.call(gateway.clients.actions, method, { items });
    expect(outcomesOf(results)).toEqual(["OK", "OK", "OK", "OK"]);
    expect(results[2]).toEqual(results[0]);
    expect(results[1]).not.toEqual(results[0]);
    expect(actionsOf(gateway, action)).toBe(2);
  },
);

test("items that differ in the key or the additional data alone do not share a request", async () => {
  await using gateway = await startTestGateway();
  const keyId = await createKeyId(gateway);
  const [ciphertext] = await wrapped(gateway, keyId, plaintextsOf(gateway, 1));
  if (ciphertext === undefined) throw new Error("one was wrapped");
  const items = [
    unwrapKeyRequest(keyId, ciphertext),
    unwrapKeyRequest(keyId, ciphertext, ["orders"]),
    unwrapKeyRequest(absentKeyId, ciphertext),
  ];
  const { results } = await gateway.call(gateway.clients.actions, "batchUnwrapKey", { items });
  expect(outcomesOf(results)).toEqual(["OK", "CIPHERTEXT_REJECTED", "KEY_NOT_FOUND"]);
});

/** Items that fail for different reasons, between two that succeed. */
const mixed = (keyId: string, ciphertext: Buffer): UnwrapKeyRequest[] => [
  unwrapKeyRequest(keyId, ciphertext),
  unwrapKeyRequest(absentKeyId, ciphertext),
  unwrapKeyRequest(keyId, Buffer.alloc(0)),
  unwrapKeyRequest("../x", ciphertext, ["a".repeat(256)]),
  unwrapKeyRequest(keyId, Buffer.from("of no key")),
  unwrapKeyRequest(otherCrn, ciphertext),
  unwrapKeyRequest("crn:v1", ciphertext),
  unwrapKeyRequest(keyId, ciphertext),
];

describe("partial success", () => {
  test("each failed item has the status of its single call, and names its place", async () => {
    await using gateway = await startTestGateway();
    const { actions } = gateway.clients;
    const keyId = await createKeyId(gateway);
    const [ciphertext = Buffer.alloc(0)] = await wrapped(gateway, keyId, plaintextsOf(gateway, 1));
    const items = mixed(keyId, ciphertext);
    const metadata = { "x-correlation-id": "11111111-2222-4333-8444-555555555555" };
    const { results } = await gateway.call(actions, "batchUnwrapKey", { items }, { metadata });

    expect(outcomesOf(results)).toEqual([
      "OK",
      "KEY_NOT_FOUND",
      "REQUEST_INVALID",
      "REQUEST_INVALID",
      "CIPHERTEXT_REJECTED",
      "REQUEST_INVALID",
      "REQUEST_INVALID",
      "OK",
    ]);
    for (const [at, item] of items.entries()) {
      const result = results[at];
      if (result?.outcome?.$case !== "error" || item.keyId === otherCrn) continue;
      const single = await gateway.failure(actions, "unwrapKey", item, { metadata });
      const inBatch = failureOf(result);
      const place = `items[${at}].`;
      expect(inBatch.fields).toEqual(
        (single.badRequest?.fieldViolations ?? []).map(({ field }) => place + field),
      );
      const startsWithField = single.message.startsWith(
        single.badRequest?.fieldViolations[0]?.field ?? "none",
      );
      expect(inBatch.message).toBe(startsWithField ? place + single.message : single.message);
      expect(inBatch).toMatchObject({
        code: single.code,
        reason: single.reason,
        errorInfo: single.errorInfo,
        requestInfo: single.requestInfo,
        resourceInfo: single.resourceInfo,
        help: single.help,
        retryInfo: single.retryInfo,
      });
    }
    expect(failureOf(results[5] ?? {})).toMatchObject({
      fields: ["items[5].key_id"],
      badRequest: { fieldViolations: [{ reason: "INSTANCE_MISMATCH" }] },
    });
  });

  test("identical items that are invalid name their own places", async () => {
    await using gateway = await startTestGateway();
    const bad = unwrapKeyRequest("../x", Buffer.from("a"));
    const { results } = await gateway.call(gateway.clients.actions, "batchUnwrapKey", {
      items: [bad, bad],
    });
    expect(results.map((result) => failureOf(result).fields)).toEqual([
      ["items[0].key_id"],
      ["items[1].key_id"],
    ]);
  });

  test("a batch is one log line with the numbers of its items, and its items are counted", async () => {
    await using gateway = await startTestGateway();
    const keyId = await createKeyId(gateway);
    const [ciphertext = Buffer.alloc(0)] = await wrapped(gateway, keyId, plaintextsOf(gateway, 1));
    await gateway.call(gateway.clients.actions, "batchUnwrapKey", {
      items: mixed(keyId, ciphertext),
    });
    expect(batchLine(gateway).slice(1)).toEqual([
      expect.objectContaining({
        level: "info",
        method: "keyprotect.v1.KeyActionsService/BatchUnwrapKey",
        code: "OK",
        items: { OK: 2, NOT_FOUND: 1, INVALID_ARGUMENT: 5 },
        // The two identical items share one.
        upstreamAttempts: 3,
      }),
    ]);
    const metrics = await gateway.metrics();
    for (const [code, count] of [
      ["OK", 2],
      ["NotFound", 1],
      ["InvalidArgument", 5],
    ] as const) {
      expect(metrics).toContain(
        `keyprotect_gateway_items_total{method="BatchUnwrapKey",grpc_code="${code}"} ${count}\n`,
      );
    }
    expect(metrics).toContain(
      'grpc_server_handled_total{grpc_type="unary",grpc_service="keyprotect.v1.KeyActionsService",grpc_method="BatchUnwrapKey",grpc_code="OK"} 1\n',
    );
  });

  test("a failure that an operator has to see raises the level of the batch's line", async () => {
    await using gateway = await startTestGateway();
    const keyId = await createKeyId(gateway);
    const ciphertexts = await wrapped(gateway, keyId, plaintextsOf(gateway, 2));
    gateway.emulator.faults.add({
      match: { operation: "unwrapKey" },
      times: 1,
      action: { kind: "rewrite", patch: { plaintext: 1 } },
    });
    const items = ciphertexts.map((ciphertext) => unwrapKeyRequest(keyId, ciphertext));
    const { results } = await gateway.call(gateway.clients.actions, "batchUnwrapKey", { items });
    expect(outcomesOf(results).toSorted()).toEqual(["OK", "UPSTREAM_BAD_RESPONSE"]);
    expect(batchLine(gateway)[1]).toMatchObject({
      code: "OK",
      level: "error",
      err: { reason: "UPSTREAM_BAD_RESPONSE" },
    });
  });
});

test.each([0, 101])("a batch of %i items is refused as a whole", async (count) => {
  await using gateway = await startTestGateway();
  const item: WrapKeyRequest = wrapKeyRequest(absentKeyId, gateway.secrets.bytes(32));
  const items = Array.from({ length: count }, () => item);
  const failure = await gateway.failure(gateway.clients.actions, "batchWrapKey", { items });
  expect(failure).toMatchObject({
    code: "INVALID_ARGUMENT",
    reason: "REQUEST_INVALID",
    badRequest: {
      fieldViolations: [{ field: "items", reason: count === 0 ? "REQUIRED" : "TOO_MANY" }],
    },
  });
  expect(gateway.upstreamRequests()).toEqual([]);
});

describe("the end of a batch", () => {
  const env = { GATEWAY_UPSTREAM_ATTEMPT_TIMEOUT_MS: "20000", GATEWAY_DRAIN_GRACE_MS: "0" };

  /** A batch of which Key Protect answers all items but the last. */
  async function startPartial() {
    const gateway = await startTestGateway({ env });
    const keyId = await createKeyId(gateway);
    const ciphertexts = await wrapped(gateway, keyId, plaintextsOf(gateway, 8));
    gateway.emulator.faults.add({
      match: { operation: "unwrapKey" },
      skip: 7,
      action: { kind: "hang" },
    });
    const items = ciphertexts.map((ciphertext) => unwrapKeyRequest(keyId, ciphertext));
    return { gateway, items };
  }

  test(
    "the deadline keeps what was answered, and gives the other items DEADLINE_EXCEEDED",
    onBusyMachine,
    async () => {
      const { gateway, items } = await startPartial();
      await using _ = gateway;
      const { results } = await gateway.call(
        gateway.clients.actions,
        "batchUnwrapKey",
        { items },
        { deadline: Date.now() + 1_200 },
      );
      expect(outcomesOf(results).filter((outcome) => outcome === "OK")).toHaveLength(7);
      const late = results.find(({ outcome }) => outcome?.$case === "error");
      expect(failureOf(late ?? {})).toMatchObject({
        code: "DEADLINE_EXCEEDED",
        reason: "DEADLINE_UPSTREAM",
        errorInfo: {
          metadata: { attempts: "1", method: "keyprotect.v1.KeyActionsService/UnwrapKey" },
        },
      });
    },
  );

  test("a shutdown keeps what was answered, and gives the other items SHUTTING_DOWN", async () => {
    const { gateway, items } = await startPartial();
    const called = gateway.call(gateway.clients.actions, "batchUnwrapKey", { items });
    await eventually(() => actionsOf(gateway, "unwrap") === 8);
    // Seven answers are read before the shutdown begins.
    await eventually(async () =>
      (await gateway.metrics()).includes('operation="UnwrapKey",outcome="2xx"} 7'),
    );
    const text = await gateway.metrics();
    await gateway.gateway.drain();
    const { results } = await called;
    expect(outcomesOf(results).toSorted()).toEqual([
      ...Array.from({ length: 7 }, () => "OK"),
      "SHUTTING_DOWN",
    ]);
    for (const client of Object.values(gateway.clients)) client.close();
    await gateway.emulator[Symbol.asyncDispose]();
    expect(gateway.secrets.tracesIn(`${text}${JSON.stringify(gateway.log())}`)).toEqual([]);
  });

  test("a caller that cancels a batch ends the requests of its items", async () => {
    const { gateway, items } = await startPartial();
    await using _ = gateway;
    const call = gateway.clients.actions.batchUnwrapKey({ items }, new Metadata(), () => {});
    await eventually(() => actionsOf(gateway, "unwrap") === 8);
    call.cancel();
    await eventually(() => batchLine(gateway).length === 2);
    expect(batchLine(gateway)[1]).toMatchObject({ code: "CANCELLED" });
    await eventually(async () =>
      (await gateway.metrics()).includes("keyprotect_gateway_inflight 0\n"),
    );
  });
});

/** Makes a batch under a rule with these methods. Returns the outcome of its item, or the text. */
const batchUnder = async (methods: string): Promise<string> => {
  await using gateway = await startTestGateway({
    env: { GATEWAY_CONFIG: "/gateway.yaml" },
    files: {
      "/gateway.yaml": `policy:\n  rules:\n    - callers: [anonymous]\n      methods: [${methods}]\n`,
    },
  });
  const items = [unwrapKeyRequest(absentKeyId, Buffer.from("a"))];
  const { error, response } = await gateway.outcome(gateway.clients.actions, "batchUnwrapKey", {
    items,
  });
  if (response !== undefined) return outcomesOf(response.results).join();
  expect(gateway.upstreamRequests()).toEqual([]);
  return error?.details ?? "";
};

describe("access rules", () => {
  test.each([
    ["KeyActionsService/BatchUnwrapKey", "does not allow this caller UnwrapKey"],
    ["KeyActionsService/UnwrapKey", "does not allow this caller BatchUnwrapKey"],
    ["KeyActionsService/BatchUnwrapKey, KeyActionsService/UnwrapKey", "KEY_NOT_FOUND"],
    ["KeyActionsService/*", "KEY_NOT_FOUND"],
  ])("a rule with the methods %s leads to: %s", async (methods, outcome) => {
    expect(await batchUnder(methods)).toContain(outcome);
  });
});

test(
  "a batch keeps to a small quota, and none of its items fails for lack of it",
  onBusyMachine,
  async () => {
    await using gateway = await startTestGateway({
      env: { GATEWAY_RATE_CEILING: "40" },
      emulator: { quota: { ratePerSecond: 40, burst: 40 } },
    });
    const keyId = await createKeyId(gateway);
    const items = plaintextsOf(gateway, 90).map((each) => wrapKeyRequest(keyId, each));
    const begun = performance.now();
    const { results } = await gateway.call(gateway.clients.actions, "batchWrapKey", { items });
    expect(new Set(outcomesOf(results))).toEqual(new Set(["OK"]));
    expect(performance.now() - begun).toBeGreaterThan(1_000);
    expect(gateway.emulator.requests.list().filter(({ status }) => status === 429)).toEqual([]);
  },
);
