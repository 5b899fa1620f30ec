import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Emulator } from "../../../../src/emulator/emulator.ts";
import { startEmulator } from "../../../support/start-emulator.ts";
import { collectionOf, createRestClient, rejectionIn } from "../rest-client.ts";
import type { RestClient } from "../rest-client.ts";
import { fieldsIn, newAdapter, newPem, postAdapter, postCertificate } from "./kmip-client.ts";

const otherInstance = "e0a1b2c3-0000-4000-8000-000000000002";
let emulator: Emulator;
let client: RestClient;

beforeAll(async () => {
  emulator = await startEmulator({
    instanceIds: ["e0a1b2c3-0000-4000-8000-000000000001", otherInstance],
  });
  client = createRestClient(emulator);
});
beforeEach(() => emulator.reset());
afterAll(() => emulator[Symbol.asyncDispose]());

test("a created KMIP adapter is read by its ID and by its name", async () => {
  const key = await client.createKey({ aliases: ["vmware"] });
  const created = await postAdapter(client, "vmware", { name: "vcenter", description: "Rack 1" });
  expect([created.status, created.headers["content-type"]]).toEqual([
    201,
    "application/vnd.ibm.kms.kmip_adapter+json",
  ]);
  const id = created.body.text("resources", 0, "id");
  const date = created.body.text("resources", 0, "created_at");
  expect(date).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const { subject } = emulator.users[0] ?? { subject: "" };
  expect(created.body.value).toEqual({
    metadata: { collectionType: "application/vnd.ibm.kms.kmip_adapter+json", collectionTotal: 1 },
    resources: [
      {
        id,
        name: "vcenter",
        description: "Rack 1",
        profile: "native_1.0",
        profile_data: { crk_id: key },
        created_at: date,
        created_by: subject,
        updated_at: date,
        updated_by: subject,
      },
    ],
  });
  const shown = await Promise.all(
    [id, "vcenter"].map((name) => client.call("GET", `/kmip_adapters/${name}`)),
  );
  for (const { status, body } of shown) {
    expect([status, body.value]).toEqual([200, created.body.value]);
  }
});

test("a KMIP adapter without a name gets one that begins with kmip_adapter_", async () => {
  const created = await postAdapter(client, await client.createKey(), { description: "" });
  expect(created.body.text("resources", 0, "name")).toMatch(/^kmip_adapter_\w+$/);
  expect(created.body.at("resources", 0, "description")).toBeUndefined();
});

test("a name that another KMIP adapter of the instance has is rejected with 409", async () => {
  await newAdapter(client, { name: "taken" });
  const refused = await postAdapter(client, await client.createKey(), { name: "taken" });
  expect(rejectionIn(refused)).toEqual([409, "KMIP_ADAPTER_DUPLICATE_NAME_ERR"]);
  const elsewhere = createRestClient(emulator, { instanceId: otherInstance });
  expect(
    (await postAdapter(elsewhere, await elsewhere.createKey(), { name: "taken" })).status,
  ).toBe(201);
});

test.each<[string, Readonly<Record<string, unknown>>, string]>([
  ["another profile", { profile: "native_2.0" }, "INVALID_FIELD_ERR"],
  ["no profile", { profile: undefined }, "INVALID_FIELD_ERR"],
  ["no profile data", { profile_data: undefined }, "INVALID_FIELD_ERR"],
  ["profile data without a root key", { profile_data: {} }, "INVALID_FIELD_ERR"],
  ["unknown profile data", { profile_data: { crk_id: "x", other: 1 } }, "BAD_BODY_ERR"],
  ["an unknown field", { tags: ["x"] }, "BAD_BODY_ERR"],
  ["a name of one character", { name: "x" }, "INVALID_FIELD_ERR"],
  ["a name of 41 characters", { name: "x".repeat(41) }, "INVALID_FIELD_ERR"],
  ["a name with a space", { name: "my adapter" }, "INVALID_FIELD_ERR"],
  ["a UUID as its name", { name: otherInstance }, "INVALID_FIELD_ERR"],
  ["a name that is no string", { name: 5 }, "BAD_BODY_ERR"],
  ["a description of 241 characters", { description: "x".repeat(241) }, "INVALID_FIELD_ERR"],
])("a KMIP adapter with %s is rejected with 400", async (_, fields, code) => {
  const refused = await postAdapter(client, await client.createKey(), fields);
  expect(rejectionIn(refused)).toEqual([400, code]);
  expect(fieldsIn(await client.call("GET", "/kmip_adapters"), "id")).toEqual([]);
});

test("a request for two KMIP adapters at once, or without a body, is rejected", async () => {
  const two = { metadata: { collectionType: "x", collectionTotal: 2 }, resources: [{}, {}] };
  expect(rejectionIn(await client.call("POST", "/kmip_adapters", two))).toEqual([
    400,
    "BAD_BODY_ERR",
  ]);
  expect(rejectionIn(await client.call("POST", "/kmip_adapters"))).toEqual([400, "NO_BODY_ERR"]);
});

test("a KMIP adapter needs an active root key of its own instance", async () => {
  const key = await client.createKey();
  const elsewhere = createRestClient(emulator, { instanceId: otherInstance });
  expect(rejectionIn(await postAdapter(elsewhere, key))).toEqual([
    404,
    "NATIVE_CRK_ID_NOT_FOUND_ERR",
  ]);
  const inOtherRing = collectionOf({ profile: "native_1.0", profile_data: { crk_id: key } });
  await client.call("POST", "/key_rings/rack");
  const ringed = await client.call("POST", "/kmip_adapters", inOtherRing, {
    "x-kms-key-ring": "rack",
  });
  expect(rejectionIn(ringed)).toEqual([404, "NATIVE_CRK_ID_NOT_FOUND_ERR"]);

  const standard = await client.createKey({ extractable: true });
  expect(rejectionIn(await postAdapter(client, standard))).toEqual([400, "NATIVE_INVALID_CRK_ERR"]);
  await client.call("POST", `/keys/${key}/actions/disable`);
  expect(rejectionIn(await postAdapter(client, key))).toEqual([400, "NATIVE_INVALID_CRK_ERR"]);
});

test("a KMIP adapter takes a root key that expires only with allowExpiringKey", async () => {
  const expirationDate = new Date(emulator.clock.now() + 3_600_000).toISOString();
  const key = await client.createKey({ expirationDate });
  expect(rejectionIn(await postAdapter(client, key))).toEqual([400, "NATIVE_INVALID_CRK_ERR"]);
  expect((await postAdapter(client, key, {}, "?allowExpiringKey=true")).status).toBe(201);
});

test("KMIP adapters are listed in pages, and filtered by their root key", async () => {
  const key = await client.createKey();
  for (const name of ["aa", "bb", "cc"]) await postAdapter(client, key, { name });
  await newAdapter(client, { name: "dd" });
  const all = await client.call("GET", "/kmip_adapters");
  expect(fieldsIn(all, "name")).toEqual(["aa", "bb", "cc", "dd"]);
  expect(all.body.at("metadata", "totalCount")).toBeUndefined();
  const page = await client.call(
    "GET",
    `/kmip_adapters?crk_id=${key}&limit=1&offset=1&totalCount=true`,
  );
  expect(fieldsIn(page, "name")).toEqual(["bb"]);
  expect(page.body.at("metadata")).toMatchObject({ collectionTotal: 1, totalCount: 3 });
});

test.each(["limit=0", "limit=201", "limit=x", "offset=-1"])(
  "a list of KMIP adapters with %s is rejected",
  async (query) => {
    expect(rejectionIn(await client.call("GET", `/kmip_adapters?${query}`))).toEqual([
      400,
      "INVALID_QUERY_PARAM_ERR",
    ]);
  },
);

test("a deleted KMIP adapter is gone with its certificates, and its certificate is free", async () => {
  const certificate = newPem();
  const id = await newAdapter(client, { name: "old" });
  await postCertificate(client, id, { certificate });
  const removed = await client.call("DELETE", "/kmip_adapters/old");
  expect([removed.status, removed.text]).toEqual([204, ""]);
  for (const path of ["/old", `/${id}`, `/${id}/certificates`, `/${id}/kmip_objects`]) {
    expect([path, ...rejectionIn(await client.call("GET", `/kmip_adapters${path}`))]).toEqual([
      path,
      404,
      "KMIP_ADAPTER_NOT_FOUND_ERR",
    ]);
  }
  expect(rejectionIn(await client.call("DELETE", `/kmip_adapters/${id}`))).toEqual([
    404,
    "KMIP_ADAPTER_NOT_FOUND_ERR",
  ]);
  expect((await postCertificate(client, await newAdapter(client), { certificate })).status).toBe(
    201,
  );
});

test("a KMIP adapter is deleted only after its objects", async () => {
  const id = await newAdapter(client);
  const object = emulator.plantKmipObject({ adapter: id, state: 1 });
  const refused = await client.call("DELETE", `/kmip_adapters/${id}`);
  expect([refused.status, refused.body.text("resources", 0, "errorMsg")]).toEqual([
    409,
    "Conflict: The KMIP adapter has KMIP objects that are not deleted.",
  ]);
  await client.call("DELETE", `/kmip_adapters/${id}/kmip_objects/${object}`);
  expect((await client.call("DELETE", `/kmip_adapters/${id}`)).status).toBe(204);
});

test("an active root key of a KMIP adapter cannot be deleted, not even with force", async () => {
  const key = await client.createKey();
  const id = (await postAdapter(client, key)).body.text("resources", 0, "id");
  expect(rejectionIn(await client.call("DELETE", `/keys/${key}`))).toEqual([
    409,
    "PROTECTED_RESOURCE_ERR",
  ]);
  expect(rejectionIn(await client.call("DELETE", `/keys/${key}?force=true`))).toEqual([
    409,
    "PREV_KEY_DEL_ERR",
  ]);
  await client.call("DELETE", `/kmip_adapters/${id}`);
  expect((await client.call("DELETE", `/keys/${key}`)).status).toBe(204);
});

test("an instance holds at most 200 KMIP adapters", async () => {
  const key = await client.createKey();
  for (let count = 0; count < 200; count += 1) await postAdapter(client, key);
  expect((await postAdapter(client, key)).status).toBe(409);
  const all = await client.call("GET", "/kmip_adapters?limit=200&totalCount=true");
  expect(all.body.at("metadata")).toMatchObject({ collectionTotal: 200, totalCount: 200 });
  const first = await client.call("GET", "/kmip_adapters");
  expect(first.body.at("metadata", "collectionTotal")).toBe(100);
});

test("only a manager and a KMIP adapter manager may use KMIP, and no user of a key ring", async () => {
  const roles = ["Writer", "KeyPurge", "Manager", "KmipAdapterManager"] as const;
  await using shared = await startEmulator({
    users: [
      ...roles.map((role) => ({ apiKey: role, subject: `IBMid-${role}`, roles: [role] })),
      { apiKey: "ring", subject: "IBMid-ring", roles: ["Manager"], keyRingIds: ["default"] },
    ],
  });
  const headers = { "x-kms-key-ring": "default" };
  const statuses = async (method: string, path: string): Promise<readonly number[]> => {
    const answers = [0, 1, 2, 3, 4].map((userIndex) =>
      createRestClient(shared, { userIndex }).call(method, path, undefined, headers),
    );
    return (await Promise.all(answers)).map(({ status }) => status);
  };
  expect(await statuses("GET", "/kmip_adapters")).toEqual([401, 401, 200, 200, 401]);
  expect(await statuses("GET", "/kmip_adapters/aa/kmip_objects")).toEqual([
    401, 401, 404, 404, 401,
  ]);
  // A KMIP adapter manager may find the root key of an adapter, but not read or use it.
  expect(await statuses("GET", "/keys")).toEqual([200, 401, 200, 200, 200]);
  expect(await statuses("HEAD", "/keys")).toEqual([200, 401, 200, 200, 200]);
  expect(await statuses("GET", "/key_rings")).toEqual([200, 401, 200, 200, 200]);
  expect(await statuses("GET", "/keys/aa/metadata")).toEqual([404, 401, 404, 401, 404]);
});
