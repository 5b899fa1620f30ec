/** Identical reads that are active at the same time share one request. */
import { describe, expect, test } from "vitest";
import { ReturnPreference } from "../../src/gen/keyprotect/v1/key.ts";
import { eventually } from "../support/eventually.ts";
import {
  createKeyId,
  deleteKeyRequest,
  unwrapKeyRequest,
  wrapKeyRequest,
} from "../support/requests.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";

const calls = 1_000;

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** Delays the responses of Key Protect, so that calls overlap. */
const delay = (gateway: TestGateway, delayMs: number): void =>
  void gateway.emulator.faults.add({ match: { service: "keyprotect" }, delayMs });

/** Two aliases of one instance. */
const aliases = (url: string, instanceId: string): string => `
instances:
${["blue", "green"]
  .map(
    (alias) => `  - alias: ${alias}
    serviceUrl: ${url}
    instanceId: ${instanceId}
    dialect: current
`,
  )
  .join("")}`;

const on = (alias: string) => ({ metadata: { "x-kp-instance": alias } });

const asked = (gateway: TestGateway) => gateway.emulator.requests.list({ service: "keyprotect" });

test("1,000 identical reads share one request, and each call keeps its own correlation ID", async () => {
  await using gateway = await startTestGateway();
  const { clients, emulator } = gateway;
  const keyId = await createKeyId(gateway);
  emulator.requests.clear();
  delay(gateway, 2_000);
  const ids = times(calls, (index) => `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`);
  const answers = await Promise.all(
    ids.map((id) =>
      gateway.outcome(clients.keys, "getKey", { keyId }, { metadata: { "x-correlation-id": id } }),
    ),
  );
  expect(new Set(answers.map(({ response }) => response?.key?.id))).toEqual(new Set([keyId]));
  expect(asked(gateway)).toHaveLength(1);
  const [sentAs] = asked(gateway).map(({ headers }) => headers["correlation-id"]);
  const lines = gateway.log().filter(({ method }) => String(method).endsWith("/GetKey"));
  expect(lines.map(({ correlationId }) => String(correlationId)).toSorted()).toEqual(ids);
  // The line of each joined call names the ID of the shared request in Key Protect's logs.
  expect(lines.filter((line) => line["upstreamCorrelationId"] === sentAs)).toHaveLength(calls - 1);
}, 60_000);

test("identical unwraps share a request, and every caller gets the whole plaintext", async () => {
  await using gateway = await startTestGateway();
  const { clients, emulator, secrets } = gateway;
  const keyId = await createKeyId(gateway);
  const plaintext = secrets.bytes(32);
  const wrap = (context: string[]) =>
    gateway.call(clients.actions, "wrapKey", wrapKeyRequest(keyId, plaintext, context));
  const { ciphertext } = await wrap([]);
  const bound = await wrap(["tenant"]);
  emulator.requests.clear();
  delay(gateway, 500);
  const unwrapped = await Promise.all([
    ...times(50, () =>
      gateway.call(clients.actions, "unwrapKey", unwrapKeyRequest(keyId, ciphertext)),
    ),
    ...times(50, () =>
      gateway.call(
        clients.actions,
        "unwrapKey",
        unwrapKeyRequest(keyId, bound.ciphertext, ["tenant"]),
      ),
    ),
  ]);
  expect(unwrapped.filter((answer) => answer.plaintext.equals(plaintext))).toHaveLength(100);
  expect(asked(gateway)).toHaveLength(2);
  // The gateway caches no response.
  await gateway.call(clients.actions, "unwrapKey", unwrapKeyRequest(keyId, ciphertext));
  expect(asked(gateway)).toHaveLength(3);
}, 60_000);

test("a caller that cancels does not affect the other callers of a shared request", async () => {
  await using gateway = await startTestGateway();
  const { clients, emulator } = gateway;
  const keyId = await createKeyId(gateway);
  emulator.requests.clear();
  delay(gateway, 2_500);
  const leader = gateway.failure(
    clients.keys,
    "getKey",
    { keyId },
    { deadline: Date.now() + 1_500 },
  );
  await eventually(() => asked(gateway).length === 1);
  const followers = times(20, () => gateway.call(clients.keys, "getKey", { keyId }));
  expect((await leader).code).toBe("DEADLINE_EXCEEDED");
  expect((await Promise.all(followers)).map(({ key }) => key?.id)).toEqual(times(20, () => keyId));
  expect(asked(gateway)).toHaveLength(1);
}, 60_000);

test.each([
  [
    "deleteKey",
    (gateway: TestGateway, keyId: string) =>
      gateway.call(gateway.clients.keys, "deleteKey", deleteKeyRequest(keyId)),
  ],
  [
    "syncKey",
    (gateway: TestGateway, keyId: string) =>
      gateway.call(gateway.clients.keys, "syncKey", {
        keyId,
        returnPreference: ReturnPreference.UNSPECIFIED,
      }),
  ],
])(
  "a caller that changed a key by %s does not join a read from before the change",
  async (_, change) => {
    await using gateway = await startTestGateway();
    const { clients, emulator } = gateway;
    const keyId = await createKeyId(gateway);
    emulator.requests.clear();
    // The first read starts before the change and ends after it.
    emulator.faults.add({
      match: { service: "keyprotect", method: "GET" },
      times: 1,
      delayMs: 2_000,
    });
    const early = gateway.outcome(clients.keys, "getKey", { keyId });
    await eventually(() => asked(gateway).length === 1);
    await change(gateway, keyId);
    await gateway.outcome(clients.keys, "getKey", { keyId });
    await early;
    const reads = asked(gateway).filter(({ method }) => method === "GET");
    expect(reads).toHaveLength(2);
  },
  60_000,
);

test("a caller that deleted a key through one alias does not join a read through another alias", async () => {
  await using gateway = await startTestGateway({
    env: {
      GATEWAY_CONFIG: "/gateway.yaml",
      KP_SERVICE_URL: "",
      KP_INSTANCE_ID: "",
      KP_API_DIALECT: "",
    },
    files: ({ url, instanceId }) => ({ "/gateway.yaml": aliases(url, instanceId) }),
  });
  const { clients, emulator } = gateway;
  const keyId = await createKeyId(gateway, {}, on("blue").metadata);
  emulator.requests.clear();
  emulator.faults.add({
    match: { service: "keyprotect", method: "GET" },
    times: 1,
    delayMs: 2_000,
  });
  const early = gateway.outcome(clients.keys, "getKey", { keyId }, on("green"));
  await eventually(() => asked(gateway).length === 1);
  await gateway.call(clients.keys, "deleteKey", deleteKeyRequest(keyId), on("blue"));
  await gateway.outcome(clients.keys, "getKey", { keyId }, on("green"));
  await early;
  expect(asked(gateway).filter(({ method }) => method === "GET")).toHaveLength(2);
}, 60_000);

describe("with several replicas", () => {
  test("a caller that deleted a key through one replica does not join an unwrap of another replica", async () => {
    await using one = await startTestGateway({ env: { GATEWAY_REPLICAS: "2" } });
    const { emulator, clients, secrets } = one;
    await using other = await startTestGateway({
      env: {
        GATEWAY_REPLICAS: "2",
        KP_SERVICE_URL: emulator.url,
        KP_INSTANCE_ID: emulator.instanceId,
        IAM_AUTH_URL: emulator.url,
        IBMCLOUD_API_KEY: emulator.apiKey,
      },
    });
    const keyId = await createKeyId(one);
    const { ciphertext } = await one.call(
      clients.actions,
      "wrapKey",
      wrapKeyRequest(keyId, secrets.bytes(32)),
    );
    emulator.requests.clear();
    // Key Protect reads the key for the first unwrap, and sends the answer in the next second.
    emulator.faults.add({
      match: { operation: "unwrapKey" },
      times: 1,
      action: { kind: "drip", chunkBytes: 30, intervalMs: 300 },
    });
    const unwrap = unwrapKeyRequest(keyId, ciphertext);
    const early = other.outcome(other.clients.actions, "unwrapKey", unwrap);
    await eventually(() => asked(one).some(({ isExecuted }) => isExecuted));
    await one.call(clients.keys, "deleteKey", deleteKeyRequest(keyId));
    const late = await other.failure(other.clients.actions, "unwrapKey", unwrap);
    expect(late.reason).toBe("KEY_DELETED");
    expect((await early).error).toBeNull();
  }, 60_000);

  test("identical reads that wait for quota share one request", async () => {
    await using gateway = await startTestGateway({
      env: { GATEWAY_REPLICAS: "2", GATEWAY_RATE_CEILING: "100" },
    });
    const { clients, emulator } = gateway;
    const keyId = await createKeyId(gateway);
    emulator.requests.clear();
    emulator.faults.add({
      match: { service: "keyprotect" },
      times: 1,
      action: { kind: "respond", status: 429, headers: { "Retry-After": "1" } },
    });
    const first = gateway.call(clients.keys, "countKeys", {});
    await eventually(() => asked(gateway).length === 1);
    const reads = times(50, () => gateway.call(clients.keys, "getKey", { keyId }));
    await Promise.all([first, ...reads]);
    expect(asked(gateway).filter(({ operation }) => operation === "getKeyMetadata")).toHaveLength(
      1,
    );
  }, 60_000);
});

test.each([
  ["GATEWAY_COALESCE_READS", 5],
  ["GATEWAY_COALESCE_UNWRAPS", 1],
])(
  "the setting %s=false makes %d upstream requests out of five identical reads of a key",
  async (name, count) => {
    await using gateway = await startTestGateway({ env: { [name]: "false" } });
    const keyId = await createKeyId(gateway);
    gateway.emulator.requests.clear();
    delay(gateway, 500);
    await Promise.all(times(5, () => gateway.call(gateway.clients.keys, "getKey", { keyId })));
    expect(asked(gateway)).toHaveLength(count);
  },
  60_000,
);
