/** Key rings and CRNs, from the caller's metadata to the emulated Key Protect. */
import { expect, test } from "vitest";
import type { User } from "../../src/emulator/user.ts";
import { createKeyId, generateDataKeyRequest, listKeysRequest } from "../support/requests.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";
import { createRestClient } from "../unit/emulator/rest-client.ts";

const users: readonly User[] = [
  { apiKey: "api-key-of-the-operator", subject: "IBMid-OPERATOR", roles: ["Manager"] },
  {
    apiKey: "api-key-of-the-gateway",
    subject: "IBMid-GATEWAY",
    roles: ["Manager"],
    keyRingIds: ["orders"],
  },
];
const inOrders = { metadata: { "x-kp-key-ring": "orders" } };

/** A gateway whose credential may reach the ring `orders` alone. */
async function startInRing(yaml = ""): Promise<TestGateway> {
  const gateway = await startTestGateway({
    emulator: { users },
    env: {
      IBMCLOUD_API_KEY: "api-key-of-the-gateway",
      ...(yaml === "" ? {} : { GATEWAY_CONFIG: "/etc/gateway.yaml" }),
    },
    files: yaml === "" ? {} : { "/etc/gateway.yaml": yaml },
  });
  const operator = createRestClient(gateway.emulator);
  expect((await operator.call("POST", "/key_rings/orders")).status).toBe(201);
  return gateway;
}

test("a credential that may see one ring lists its keys if the call names the ring, and nothing otherwise", async () => {
  await using gateway = await startInRing();
  const { keys } = gateway.clients;
  const id = await createKeyId(gateway, {}, inOrders.metadata);

  const listed = await gateway.call(keys, "listKeys", listKeysRequest(), inOrders);
  expect(listed.keys.map((key) => key.id)).toEqual([id]);
  expect(await gateway.failure(keys, "listKeys", listKeysRequest())).toMatchObject({
    code: "PERMISSION_DENIED",
    reason: "UPSTREAM_ACCESS_DENIED",
  });
});

test("every RPC on a key is limited to the ring that the call names", async () => {
  await using gateway = await startInRing();
  const { keys, actions } = gateway.clients;
  const id = await createKeyId(gateway, {}, inOrders.metadata);
  await gateway.call(actions, "generateDataKey", generateDataKeyRequest(id), inOrders);
  await gateway.call(keys, "getKey", { keyId: id }, inOrders);

  const rings = gateway.emulator.requests
    .list({ service: "keyprotect" })
    .slice(1)
    .map(({ headers }) => headers["x-kms-key-ring"]);
  expect(rings).toEqual(["orders", "orders", "orders"]);
  expect(
    gateway
      .log()
      .filter(({ msg }) => msg === "call")
      .map(({ keyRing }) => keyRing),
  ).toEqual(["orders", "orders", "orders"]);
});

test("a page token of one ring is rejected in another", async () => {
  await using gateway = await startTestGateway();
  const { keys } = gateway.clients;
  await createKeyId(gateway);
  await createKeyId(gateway);
  const inDefault = { metadata: { "x-kp-key-ring": "default" } };
  const { nextPageToken: pageToken } = await gateway.call(
    keys,
    "listKeys",
    listKeysRequest({ pageSize: 1 }),
    inDefault,
  );

  expect(pageToken).not.toBe("");
  expect(
    (await gateway.call(keys, "listKeys", listKeysRequest({ pageToken }), inDefault)).keys,
  ).toHaveLength(1);
  expect(await gateway.failure(keys, "listKeys", listKeysRequest({ pageToken }))).toMatchObject({
    code: "INVALID_ARGUMENT",
    reason: "PAGE_TOKEN_INVALID",
  });
});

test("a rule that lists rings denies a call that names none, before anything is sent", async () => {
  await using gateway = await startInRing(`
policy:
  rules:
    - callers: [anonymous]
      methods: ["KeysService/*"]
      keyRings: [orders]
`);
  const { keys } = gateway.clients;
  await createKeyId(gateway, {}, inOrders.metadata);
  const sent = gateway.upstreamRequests().length;

  expect(await gateway.failure(keys, "listKeys", listKeysRequest())).toMatchObject({
    code: "PERMISSION_DENIED",
    reason: "CALLER_NOT_AUTHORIZED",
  });
  expect(gateway.upstreamRequests()).toHaveLength(sent);
});

test("the 2019 dialect refuses a call that names a ring, before anything is sent", async () => {
  await using gateway = await startTestGateway({ dialect: "2019" });
  expect(
    await gateway.failure(gateway.clients.keys, "listKeys", listKeysRequest(), inOrders),
  ).toMatchObject({
    code: "UNIMPLEMENTED",
    reason: "OPERATION_UNSUPPORTED",
  });
  expect(gateway.upstreamRequests()).toEqual([]);
});

test("a key is found by the CRN that Key Protect gave it", async () => {
  await using gateway = await startTestGateway();
  const { keys, actions } = gateway.clients;
  const id = await createKeyId(gateway);
  const crn = (await gateway.call(keys, "getKey", { keyId: id })).key?.crn ?? "";

  expect((await gateway.call(keys, "getKey", { keyId: crn })).key?.id).toBe(id);
  await gateway.call(actions, "generateDataKey", generateDataKeyRequest(crn));
  expect(gateway.upstreamRequests().at(-1)).toBe(`POST /api/v2/keys/${id}/actions/wrap`);
});

test("a CRN of an instance that is not configured is rejected, before anything is sent", async () => {
  await using gateway = await startTestGateway();
  const id = await createKeyId(gateway);
  const { key } = await gateway.call(gateway.clients.keys, "getKey", { keyId: id });
  const sent = gateway.upstreamRequests().length;
  const foreign = (key?.crn ?? "").replace(
    /:[0-9a-f-]{36}:key:/,
    ":99999999-0000-4000-8000-000000000000:key:",
  );

  expect(await gateway.failure(gateway.clients.keys, "getKey", { keyId: foreign })).toMatchObject({
    code: "INVALID_ARGUMENT",
    reason: "REQUEST_INVALID",
  });
  expect(gateway.upstreamRequests()).toHaveLength(sent);
});
