/** The optional parameters of IBM's client reach the emulator and have their documented effect. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Emulator } from "../../src/emulator/emulator.ts";
import { startEmulator } from "../support/start-emulator.ts";
import { asObject, collectionOf, createVendorClient, firstResource } from "./vendor-client.ts";
import type { VendorClient, VendorResponse } from "./vendor-client.ts";

const policyType = "application/vnd.ibm.kms.policy+json";
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

async function createKey(
  resource: Readonly<Record<string, unknown>> = {},
  xKmsKeyRing = "default",
): Promise<unknown> {
  const type = "application/vnd.ibm.kms.key+json";
  const body = collectionOf({ type, name: "conformance", extractable: false, ...resource });
  return firstResource(await client.createKey({ bluemixInstance, body, xKmsKeyRing }))["id"];
}

function idsOf({ result }: VendorResponse): ReadonlySet<unknown> {
  const { resources } = asObject(result);
  return new Set(Array.isArray(resources) ? resources.map((each) => asObject(each)["id"]) : []);
}

test("IBM's client lists and counts keys by their states and by their key ring", async () => {
  await client.createKeyRing({ bluemixInstance, keyRingId: "orders" });
  const active = await createKey();
  const deleted = await createKey();
  const ringed = await createKey({}, "orders");
  await client.deleteKey({ bluemixInstance, id: deleted });
  const select = async (fields: object) => {
    const query = { bluemixInstance, ...fields };
    const { headers } = await client.getKeyCollectionMetadata(query);
    const ids = idsOf(await client.getKeys(query));
    expect(headers["key-total"]).toBe(String(ids.size));
    return ids;
  };
  expect(await select({})).toEqual(new Set([active, ringed]));
  expect(await select({ state: [5] })).toEqual(new Set([deleted]));
  expect(await select({ state: [1, 5] })).toEqual(new Set([active, deleted, ringed]));
  expect(await select({ xKmsKeyRing: "orders" })).toEqual(new Set([ringed]));
});

const crn = (bucket: string): string =>
  `crn:v1:bluemix:public:cloud-object-storage:global:a/1:2:bucket:${bucket}`;

test("IBM's client filters and pages registrations", async () => {
  const id = await createKey();
  for (const bucket of ["one", "two", "three"]) {
    const preventsDeletion = bucket === "three";
    emulator.register({ keyId: String(id), resourceCrn: crn(bucket), preventsDeletion });
  }
  const query = { bluemixInstance, id, totalCount: true };
  const page = await client.getRegistrations({ ...query, limit: 1, offset: 1 });
  expect(firstResource(page)["resourceCrn"]).toBe(crn("two"));
  expect(asObject(page.result)["metadata"]).toMatchObject({ collectionTotal: 1, totalCount: 3 });
  const preventing = await client.getRegistrations({ ...query, preventKeyDeletion: true });
  expect(firstResource(preventing)["resourceCrn"]).toBe(crn("three"));
  const matching = await client.getRegistrationsAllKeys({
    ...query,
    urlEncodedResourceCrnQuery: crn("t*"),
  });
  expect(asObject(matching.result)["metadata"]).toMatchObject({ totalCount: 2 });
});

test.each<[string, object | undefined]>([
  ["allowedNetwork", { allowed_network: "private-only" }],
  ["dualAuthDelete", undefined],
  ["allowedIP", { allowed_ip: ["192.0.2.0/24"] }],
  ["keyCreateImportAccess", { create_root_key: true, enforce_token: true }],
  ["metrics", undefined],
])("IBM's client sets and reads the instance policy %s", async (policy, attributes) => {
  const data = { enabled: true, ...(attributes === undefined ? {} : { attributes }) };
  const resource = { policy_type: policy, policy_data: data };
  const put = await client.putInstancePolicy({
    bluemixInstance,
    policy,
    setInstancePoliciesOneOf: collectionOf(resource, policyType),
  });
  expect(put.status).toBe(204);
  expect(firstResource(await client.getInstancePolicy({ bluemixInstance, policy }))).toMatchObject(
    resource,
  );
});

test("IBM's client takes back its authorization to delete a key", async () => {
  const id = await createKey();
  const resource = { type: policyType, dualAuthDelete: { enabled: true } };
  await client.putPolicy({
    bluemixInstance,
    id,
    policy: "dualAuthDelete",
    setKeyPoliciesOneOf: collectionOf(resource, policyType),
  });
  const shown = async () =>
    firstResource(await client.getKeyMetadata({ bluemixInstance, id }))["dualAuthDelete"];
  await client.setKeyForDeletion({ bluemixInstance, id });
  expect(await shown()).toMatchObject({ enabled: true, keySetForDeletion: true });
  expect((await client.unsetKeyForDeletion({ bluemixInstance, id })).status).toBe(204);
  expect(await shown()).toMatchObject({ enabled: true, keySetForDeletion: false });
});

test("IBM's client pages the versions of a key", async () => {
  const id = await createKey();
  const first = firstResource(await client.getKeyVersions({ bluemixInstance, id }))["id"];
  await client.rotateKey({ bluemixInstance, id, prefer: "return=minimal" });
  const second = await client.getKeyVersions({ bluemixInstance, id, limit: 1, offset: 1 });
  expect(idsOf(second)).toEqual(new Set([first]));
});
