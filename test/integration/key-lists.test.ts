/** The choice and the order of keys in lists, and the new fields of CreateKey. */
import { expect, test } from "vitest";
import { KeyState, KeyType, ReturnPreference } from "../../src/gen/keyprotect/v1/key.ts";
import {
  allKeys,
  createKeyId,
  createKeyRequest,
  deleteKeyRequest,
  listKeysRequest,
} from "../support/requests.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";
import { createRestClient } from "../unit/emulator/rest-client.ts";

const named = async (gateway: TestGateway, choice: Parameters<typeof listKeysRequest>[0]) => {
  const { keys } = await gateway.call(gateway.clients.keys, "listKeys", listKeysRequest(choice));
  return keys.map(({ name }) => name);
};

/** Keys: alpha, a disabled root key; beta, a root key; gamma, a standard key; delta, deleted. */
async function startWithKeys(): Promise<TestGateway> {
  const gateway = await startTestGateway();
  const { keys } = gateway.clients;
  const minimal = { returnPreference: ReturnPreference.UNSPECIFIED };
  const alpha = await createKeyId(gateway, { name: "alpha", aliases: ["first"] });
  gateway.emulator.clock.advance(1_000);
  await createKeyId(gateway, { name: "beta" });
  gateway.emulator.clock.advance(1_000);
  await createKeyId(gateway, { name: "gamma", type: KeyType.STANDARD });
  gateway.emulator.clock.advance(1_000);
  const delta = await createKeyId(gateway, { name: "delta" });
  await gateway.call(keys, "disableKey", { keyId: alpha, ...minimal });
  await gateway.call(keys, "deleteKey", deleteKeyRequest(delta));
  return gateway;
}

test("a list has the keys that its request chooses, in the order that it asks for", async () => {
  await using gateway = await startWithKeys();
  const byTime = { orderBy: "create_time" };

  expect(await named(gateway, byTime)).toEqual(["alpha", "beta", "gamma"]);
  expect(await named(gateway, { orderBy: "create_time desc" })).toEqual(["gamma", "beta", "alpha"]);
  expect(await named(gateway, { ...byTime, types: [KeyType.ROOT] })).toEqual(["alpha", "beta"]);
  expect(await named(gateway, { ...byTime, types: [KeyType.STANDARD] })).toEqual(["gamma"]);
  expect(await named(gateway, { ...byTime, states: [KeyState.SUSPENDED] })).toEqual(["alpha"]);
  const withDeleted = [KeyState.ACTIVE, KeyState.DESTROYED];
  expect(await named(gateway, { ...byTime, states: withDeleted })).toEqual([
    "beta",
    "gamma",
    "delta",
  ]);
  expect(await named(gateway, { search: "not:a", orderBy: "id" })).toEqual([]);
  expect(await named(gateway, { search: "ETA" })).toEqual(["beta"]);
  expect(await named(gateway, { search: "alias:first" })).toEqual(["alpha"]);
  expect(await named(gateway, { filter: "extractable=true" })).toEqual(["gamma"]);
});

test("a total and a count cover the chosen keys of all pages", async () => {
  await using gateway = await startWithKeys();
  const { keys } = gateway.clients;
  const roots = { types: [KeyType.ROOT] };
  const page = await gateway.call(
    keys,
    "listKeys",
    listKeysRequest({ ...roots, pageSize: 1, includeTotal: true }),
  );
  expect([page.keys.length, page.totalSize, page.incomplete]).toEqual([1, 2, false]);
  expect((await gateway.call(keys, "countKeys", { ...allKeys, ...roots })).totalSize).toBe(2);
  const deleted = { ...allKeys, filter: "state=5" };
  expect((await gateway.call(keys, "countKeys", deleted)).totalSize).toBe(1);
});

test("a page token belongs to its whole query", async () => {
  await using gateway = await startWithKeys();
  const { keys } = gateway.clients;
  const query = { pageSize: 1, orderBy: "create_time", types: [KeyType.ROOT] };
  const { nextPageToken: pageToken } = await gateway.call(keys, "listKeys", listKeysRequest(query));

  expect(await named(gateway, { ...query, pageToken })).toEqual(["beta"]);
  for (const change of [{ orderBy: "id" }, { types: [] }, { search: "a" }, { filter: "state=1" }]) {
    const failure = await gateway.failure(
      keys,
      "listKeys",
      listKeysRequest({ ...query, ...change, pageToken }),
    );
    expect(failure.reason).toBe("PAGE_TOKEN_INVALID");
  }
});

test("a search that Key Protect gave up is told as incomplete", async () => {
  await using gateway = await startWithKeys();
  gateway.emulator.faults.add({
    match: { path: "/api/v2/keys" },
    action: {
      kind: "respond",
      status: 200,
      contentType: "application/vnd.ibm.kms.key+json",
      headers: { "Key-Total": "0" },
      body: {
        metadata: {
          collectionType: "application/vnd.ibm.kms.key+json",
          collectionTotal: 0,
          incompleteSearch: true,
        },
        resources: [],
      },
    },
  });
  const page = await gateway.call(
    gateway.clients.keys,
    "listKeys",
    listKeysRequest({ search: "orders" }),
  );
  expect(page).toMatchObject({ keys: [], nextPageToken: "", incomplete: true });
});

test("a filter that Key Protect refuses is a violation of that field", async () => {
  await using gateway = await startWithKeys();
  const failure = await gateway.failure(
    gateway.clients.keys,
    "listKeys",
    listKeysRequest({ filter: "colour=blue" }),
  );
  expect(failure).toMatchObject({ code: "INVALID_ARGUMENT", reason: "REQUEST_INVALID" });
  expect(failure.badRequest?.fieldViolations.map(({ field }) => field)).toEqual(["filter"]);
});

test("a key is created in a ring, with aliases and with policies of its own", async () => {
  await using gateway = await startTestGateway();
  const { keys, policies } = gateway.clients;
  await createRestClient(gateway.emulator).call("POST", "/key_rings/orders");
  const id = await createKeyId(gateway, {
    keyRingId: "orders",
    aliases: ["orders-key", "orders-key-2"],
    policyOverrides: { rotation: { intervalMonths: 3 }, dualAuthDelete: { enabled: true } },
  });

  const found = await gateway.call(keys, "getKey", { keyId: "orders-key" });
  expect(found.key).toMatchObject({
    id,
    keyRingId: "orders",
    aliases: ["orders-key", "orders-key-2"],
    rotation: { enabled: true, intervalMonths: 3 },
    dualAuthDelete: { enabled: true },
  });
  const shown = await gateway.call(policies, "getKeyPolicies", { keyId: id });
  expect(shown.policies.map(({ kind }) => kind)).toContainEqual({
    $case: "rotation",
    value: { intervalMonths: 3, enabled: true },
  });
  expect(gateway.upstreamRequests()[1]).toBe("POST /api/v2/keys_with_policy_overrides");
});

test("CreateKey reports all violations of its new fields at once", async () => {
  await using gateway = await startTestGateway();
  const failure = await gateway.failure(
    gateway.clients.keys,
    "createKey",
    createKeyRequest({
      aliases: ["a", "11111111-2222-4333-8444-555555555555", "keys"],
      policyOverrides: { rotation: { intervalMonths: 13 }, dualAuthDelete: undefined },
    }),
  );
  expect(
    failure.badRequest?.fieldViolations.map(({ field, reason }) => `${field} ${reason}`),
  ).toEqual([
    "aliases[0] FORMAT_INVALID",
    "aliases[1] FORMAT_INVALID",
    "aliases[2] RESERVED_WORD",
    "policy_overrides.rotation.interval_months OUT_OF_RANGE",
  ]);
});

test("an alias that another key has is ALREADY_EXISTS, and a ring that does not exist is NOT_FOUND", async () => {
  await using gateway = await startTestGateway();
  const { keys } = gateway.clients;
  await createKeyId(gateway, { aliases: ["orders-key"] });
  expect(
    await gateway.failure(keys, "createKey", createKeyRequest({ aliases: ["orders-key"] })),
  ).toMatchObject({ code: "ALREADY_EXISTS", reason: "RESOURCE_EXISTS" });
  expect(
    await gateway.failure(keys, "createKey", createKeyRequest({ keyRingId: "nowhere" })),
  ).toMatchObject({ code: "NOT_FOUND", reason: "KEY_RING_NOT_FOUND" });
});

test("an instance of the 2019 API refuses what it does not have, before anything is sent", async () => {
  await using gateway = await startTestGateway({ dialect: "2019" });
  const { keys } = gateway.clients;
  const unsupported = { code: "UNIMPLEMENTED", reason: "OPERATION_UNSUPPORTED" };
  for (const choice of [{ search: "a" }, { orderBy: "id" }, { states: [KeyState.ACTIVE] }]) {
    expect(await gateway.failure(keys, "listKeys", listKeysRequest(choice))).toMatchObject(
      unsupported,
    );
  }
  for (const fields of [
    { aliases: ["orders"] },
    { keyRingId: "orders" },
    { policyOverrides: { rotation: undefined, dualAuthDelete: undefined } },
  ]) {
    expect(await gateway.failure(keys, "createKey", createKeyRequest(fields))).toMatchObject(
      unsupported,
    );
  }
  expect(gateway.upstreamRequests()).toEqual([]);
});
