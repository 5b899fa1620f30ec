import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Emulator } from "../../src/emulator/emulator.ts";
import { startEmulator } from "../support/start-emulator.ts";
import {
  asObject,
  errorBodyOf,
  createVendorClient,
  collectionOf,
  failureOf,
  firstResource,
  rejectionOf,
} from "./vendor-client.ts";
import type { VendorClient } from "./vendor-client.ts";

let emulator: Emulator;
let client: VendorClient;
let bluemixInstance: string;

beforeAll(async () => {
  emulator = await startEmulator();
  bluemixInstance = emulator.instanceId;
});
beforeEach(() => {
  emulator.reset();
  client = createVendorClient(emulator);
});
afterAll(() => emulator[Symbol.asyncDispose]());

async function createKey(resource: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const body = collectionOf({
    type: "application/vnd.ibm.kms.key+json",
    name: "conformance",
    extractable: false,
    ...resource,
  });
  const created = await client.createKey({ bluemixInstance, body });
  expect(created.status).toBe(201);
  return String(firstResource(created)["id"]);
}

test("a created key is returned with the fields that clients need, even without a Prefer header", async () => {
  const body = collectionOf({
    type: "application/vnd.ibm.kms.key+json",
    name: "demo",
    extractable: false,
  });
  const created = await client.createKey({ bluemixInstance, body });
  expect(created.headers["content-type"]).toBe("application/vnd.ibm.kms.key+json");
  expect(firstResource(created)).toMatchObject({
    type: "application/vnd.ibm.kms.key+json",
    name: "demo",
    state: 1,
    extractable: false,
    imported: false,
  });
});

test("a standard key can be created with its representation and read with its payload", async () => {
  const payload = Buffer.from("any secret at all").toString("base64");
  const body = collectionOf({ type: "application/vnd.ibm.kms.key+json", name: "secret", payload });
  const created = await client.createKey({
    bluemixInstance,
    body,
    prefer: "return=representation",
  });
  const key = firstResource(created);
  expect(key).toMatchObject({ payload, imported: true, extractable: true });

  const id = key["id"];
  expect(firstResource(await client.getKey({ bluemixInstance, id }))).toMatchObject({ payload });
  expect(firstResource(await client.getKeyMetadata({ bluemixInstance, id }))).not.toHaveProperty(
    "payload",
  );
});

test("HEAD counts keys without a body", async () => {
  await createKey();
  await createKey({ extractable: true });
  const counted = await client.getKeyCollectionMetadata({ bluemixInstance });
  expect(counted.status).toBe(200);
  expect(counted.headers["key-total"]).toBe("2");
  const roots = await client.getKeyCollectionMetadata({ bluemixInstance, extractable: false });
  expect(roots.headers["key-total"]).toBe("1");
});

test("a list of keys is paged and filtered and contains no payloads", async () => {
  const ids = new Set<unknown>();
  for (let count = 0; count < 5; count += 1)
    ids.add(await createKey({ extractable: count % 2 === 0 }));
  const seen = new Set<unknown>();
  for (let offset = 0; offset < 6; offset += 2) {
    const page = asObject((await client.getKeys({ bluemixInstance, limit: 2, offset })).result);
    for (const key of Array.isArray(page["resources"]) ? page["resources"] : []) {
      seen.add(asObject(key)["id"]);
      expect(key).not.toHaveProperty("payload");
    }
  }
  expect(seen).toEqual(ids);
  const standard = asObject((await client.getKeys({ bluemixInstance, extractable: true })).result);
  expect(standard["metadata"]).toMatchObject({ collectionTotal: 3 });
});

test("an empty list of keys has an empty list of `resources`", async () => {
  const { result } = await client.getKeys({ bluemixInstance });
  expect(result).toEqual({
    metadata: { collectionType: "application/vnd.ibm.kms.key+json", collectionTotal: 0 },
    resources: [],
  });
});

test("a deleted key is in state destroyed, and can be restored to active after 30 seconds", async () => {
  const id = await createKey();
  const deleted = await client.deleteKey({ bluemixInstance, id, prefer: "return=representation" });
  expect(firstResource(deleted)).toMatchObject({ state: 5, deleted: true });
  expect(await rejectionOf(client.deleteKey({ bluemixInstance, id }))).toEqual([
    410,
    "KEY_DELETED_ERR",
  ]);
  expect(await rejectionOf(client.restoreKey({ bluemixInstance, id }))).toEqual([
    409,
    "REQ_TOO_EARLY_ERR",
  ]);

  emulator.clock.advance(30_000);
  const restored = await client.restoreKey({ bluemixInstance, id });
  expect(restored.status).toBe(201);
  expect(firstResource(await client.getKey({ bluemixInstance, id }))).toMatchObject({
    state: 1,
    deleted: false,
  });
});

test("a deletion without a Prefer header is answered with 204", async () => {
  const id = await createKey();
  const deleted = await client.deleteKey({ bluemixInstance, id });
  expect(deleted.status).toBe(204);
});

test("a disabled key can be enabled after 30 seconds", async () => {
  const id = await createKey();
  expect((await client.disableKey({ bluemixInstance, id })).status).toBe(204);
  expect(firstResource(await client.getKey({ bluemixInstance, id }))["state"]).toBe(2);
  expect(await rejectionOf(client.enableKey({ bluemixInstance, id }))).toEqual([
    409,
    "REQ_TOO_EARLY_ERR",
  ]);
  emulator.clock.advance(30_000);
  expect((await client.enableKey({ bluemixInstance, id })).status).toBe(204);
  expect(firstResource(await client.getKey({ bluemixInstance, id }))["state"]).toBe(1);
});

test("a key with dual authorization can be deleted only with two users", async () => {
  const id = await createKey();
  const [, second] = emulator.users;
  const other = createVendorClient(emulator, second?.apiKey);
  await client.putPolicy({
    bluemixInstance,
    id,
    setKeyPoliciesOneOf: collectionOf(
      { type: "application/vnd.ibm.kms.policy+json", dualAuthDelete: { enabled: true } },
      "application/vnd.ibm.kms.policy+json",
    ),
  });
  expect(await rejectionOf(client.deleteKey({ bluemixInstance, id }))).toEqual([
    409,
    "AUTHORIZATIONS_NOT_MET",
  ]);

  expect((await client.setKeyForDeletion({ bluemixInstance, id })).status).toBe(204);
  expect(await rejectionOf(client.deleteKey({ bluemixInstance, id }))).toEqual([
    409,
    "AUTHORIZATIONS_NOT_MET",
  ]);
  await client.unsetKeyForDeletion({ bluemixInstance, id });
  expect(await rejectionOf(other.deleteKey({ bluemixInstance, id }))).toEqual([
    409,
    "AUTHORIZATIONS_NOT_MET",
  ]);
  await client.setKeyForDeletion({ bluemixInstance, id });
  expect((await other.deleteKey({ bluemixInstance, id })).status).toBe(204);
});

test("key policies can be set and read, together and one by one", async () => {
  const id = await createKey();
  const policyType = "application/vnd.ibm.kms.policy+json";
  const none = await client.getPolicy({ bluemixInstance, id });
  expect(none.result).toEqual({
    metadata: { collectionType: policyType, collectionTotal: 0 },
    resources: [],
  });
  const put = await client.putPolicy({
    bluemixInstance,
    id,
    policy: "rotation",
    setKeyPoliciesOneOf: collectionOf(
      { type: policyType, rotation: { interval_month: 3 } },
      policyType,
    ),
  });
  expect(firstResource(put)).toMatchObject({ rotation: { enabled: true, interval_month: 3 } });
  const got = await client.getPolicy({ bluemixInstance, id, policy: "rotation" });
  expect(firstResource(got)).toMatchObject({ rotation: { interval_month: 3 } });
  expect(
    await rejectionOf(
      client.putPolicy({
        bluemixInstance,
        id,
        setKeyPoliciesOneOf: collectionOf(
          { type: policyType, rotation: { interval_month: 13 } },
          policyType,
        ),
      }),
    ),
  ).toEqual([400, "INVALID_FIELD_ERR"]);
});

test("an alias can be created, used instead of the key ID, and deleted", async () => {
  const id = await createKey();
  const made = await client.createKeyAlias({ bluemixInstance, id, alias: "my-alias" });
  expect(made.status).toBe(201);
  expect(firstResource(made)).toMatchObject({ keyId: id, alias: "my-alias" });
  expect(firstResource(await client.getKey({ bluemixInstance, id: "my-alias" }))["id"]).toBe(id);
  expect((await client.deleteKeyAlias({ bluemixInstance, id, alias: "my-alias" })).status).toBe(
    204,
  );
  expect((await failureOf(client.getKey({ bluemixInstance, id: "my-alias" }))).status).toBe(404);
});

test("a key in one key ring is not found in another", async () => {
  expect((await client.createKeyRing({ bluemixInstance, keyRingId: "test-keyring" })).status).toBe(
    201,
  );
  const rings = asObject((await client.listKeyRings({ bluemixInstance })).result);
  expect(rings["resources"]).toMatchObject([{ id: "default" }, { id: "test-keyring" }]);
  const body = collectionOf({
    type: "application/vnd.ibm.kms.key+json",
    name: "ringed",
    extractable: false,
  });
  const created = await client.createKey({ bluemixInstance, body, xKmsKeyRing: "test-keyring" });
  const id = firstResource(created)["id"];
  const elsewhere = client.getKey({ bluemixInstance, id, xKmsKeyRing: "default" });
  expect((await failureOf(elsewhere)).status).toBe(404);
  expect(
    await rejectionOf(client.deleteKeyRing({ bluemixInstance, keyRingId: "test-keyring" })),
  ).toEqual([409, "KEY_RING_NOT_EMPTY_ERR"]);
  await client.deleteKey({ bluemixInstance, id });
  const freshRing = await client.createKeyRing({ bluemixInstance, keyRingId: "empty" });
  expect(freshRing.status).toBe(201);
  expect((await client.deleteKeyRing({ bluemixInstance, keyRingId: "empty" })).status).toBe(204);
});

test("instance policies can be set and read", async () => {
  const put = await client.putInstancePolicy({
    bluemixInstance,
    policy: "dualAuthDelete",
    setInstancePoliciesOneOf: collectionOf(
      { policy_type: "dualAuthDelete", policy_data: { enabled: true } },
      "application/vnd.ibm.kms.policy+json",
    ),
  });
  expect(put.status).toBe(204);
  const got = await client.getInstancePolicy({ bluemixInstance });
  expect(firstResource(got)).toMatchObject({
    policy_type: "dualAuthDelete",
    policy_data: { enabled: true },
  });
  const id = await createKey();
  expect(
    firstResource(await client.getKey({ bluemixInstance, id }))["dualAuthDelete"],
  ).toMatchObject({
    enabled: true,
  });
});

test("a key with a registered resource can be deleted only with force", async () => {
  const id = await createKey();
  emulator.register({
    keyId: id,
    resourceCrn: "crn:v1:bluemix:public:cloud-object-storage:global:a/1:2:bucket:3",
  });
  expect(firstResource(await client.getRegistrations({ bluemixInstance, id }))["keyId"]).toBe(id);
  expect(firstResource(await client.getRegistrationsAllKeys({ bluemixInstance }))["keyId"]).toBe(
    id,
  );
  expect(await rejectionOf(client.deleteKey({ bluemixInstance, id }))).toEqual([
    409,
    "PROTECTED_RESOURCE_ERR",
  ]);
  expect((await client.deleteKey({ bluemixInstance, id, force: true })).status).toBe(204);
});

test("a sync within an hour of a lifecycle event is rejected", async () => {
  const id = await createKey();
  expect((await client.syncAssociatedResources({ bluemixInstance, id })).status).toBe(204);
  expect(await rejectionOf(client.syncAssociatedResources({ bluemixInstance, id }))).toEqual([
    409,
    "REQ_TOO_EARLY_ERR",
  ]);
});

test("the allowed IP port is available when a policy enables it", async () => {
  expect((await failureOf(client.getAllowedIpPort({ bluemixInstance }))).status).toBe(404);
  await client.putInstancePolicy({
    bluemixInstance,
    setInstancePoliciesOneOf: collectionOf(
      {
        policy_type: "allowedIP",
        policy_data: { enabled: true, attributes: { allowed_ip: ["10.0.0.0/8"] } },
      },
      "application/vnd.ibm.kms.policy+json",
    ),
  });
  const got = await client.getAllowedIpPort({ bluemixInstance });
  expect(typeof firstResource(got)["private_endpoint_port"]).toBe("number");
});

test("a rejection reaches IBM's client with status, body and correlation ID", async () => {
  const correlationId = randomUUID();
  const refused = await failureOf(
    client.getKey({ bluemixInstance, id: randomUUID(), correlationId }),
  );
  expect(refused.status).toBe(404);
  expect(await errorBodyOf(refused)).toMatchObject({
    resources: [{ reasons: [{ code: "KEY_NOT_FOUND_ERR" }] }],
  });
  expect(refused.headers["correlation-id"]).toBe(correlationId);
});
