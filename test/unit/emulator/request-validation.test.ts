import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startEmulator } from "../../support/start-emulator.ts";
import type { Emulator } from "../../../src/emulator/emulator.ts";
import { createRestClient, collectionOf, rejectionIn } from "./rest-client.ts";
import type { RestClient } from "./rest-client.ts";

let emulator: Emulator;
let client: RestClient;

beforeAll(async () => {
  emulator = await startEmulator();
  client = createRestClient(emulator);
});
beforeEach(() => emulator.reset());
afterAll(() => emulator[Symbol.asyncDispose]());

const root = { name: "name", extractable: false };
const bytes = (length: number): string => Buffer.alloc(length, 1).toString("base64");

test.each<[string, unknown, string]>([
  ["no body", undefined, "NO_BODY_ERR"],
  ["null", "null", "NO_BODY_ERR"],
  ["broken JSON", "{", "BAD_BODY_ERR"],
  ["a list", "[]", "BAD_BODY_ERR"],
  ["no metadata", { resources: [root] }, "BAD_BODY_ERR"],
  ["two keys", { metadata: { collectionTotal: 2 }, resources: [root, root] }, "BAD_BODY_ERR"],
  [
    "a wrong total",
    { metadata: { collectionTotal: 2 }, resources: [root] },
    "COLLECTION_TOTAL_MISMATCH_ERR",
  ],
  ["no name", collectionOf({ extractable: false }), "INVALID_FIELD_ERR"],
  ["a name of one character", collectionOf({ ...root, name: "x" }), "INVALID_FIELD_ERR"],
  ["a name of 91 characters", collectionOf({ ...root, name: "x".repeat(91) }), "INVALID_FIELD_ERR"],
  ["a name that is a number", collectionOf({ ...root, name: 5 }), "BAD_BODY_ERR"],
  [
    "a long description",
    collectionOf({ ...root, description: "x".repeat(241) }),
    "INVALID_FIELD_ERR",
  ],
  [
    "31 tags",
    collectionOf({ ...root, tags: Array.from({ length: 31 }, () => "tag") }),
    "INVALID_FIELD_ERR",
  ],
  ["a forbidden character in a tag", collectionOf({ ...root, tags: ["a,b"] }), "INVALID_FIELD_ERR"],
  [
    "an expiration in the past",
    collectionOf({ ...root, expirationDate: "2001-01-01T00:00:00Z" }),
    "INVALID_FIELD_ERR",
  ],
  [
    "an expiration that is no date",
    collectionOf({ ...root, expirationDate: "soon" }),
    "INVALID_FIELD_ERR",
  ],
  ["root material of 20 bytes", collectionOf({ ...root, payload: bytes(20) }), "INVALID_FIELD_ERR"],
  ["material that is not base64", collectionOf({ ...root, payload: "****" }), "INVALID_FIELD_ERR"],
  [
    "standard material of 7501 bytes",
    collectionOf({ name: "name", payload: bytes(7501) }),
    "INVALID_FIELD_ERR",
  ],
  ["a reserved alias", collectionOf({ ...root, aliases: ["policies"] }), "INVALID_FIELD_ERR"],
  [
    "a UUID as alias",
    collectionOf({ ...root, aliases: ["e0a1b2c3-0000-4000-8000-000000000001"] }),
    "INVALID_FIELD_ERR",
  ],
])(
  "creating a key from %s is rejected with the reason code of the service",
  async (_, body, code) => {
    const refused = await client.call("POST", "/keys", body);
    expect(rejectionIn(refused)).toEqual([400, code]);
    expect((await client.call("HEAD", "/keys")).headers["key-total"]).toBe("0");
  },
);

test("the emulator ignores the case of JSON field names", async () => {
  const id = await client.createKey({ Tags: ["a"], DESCRIPTION: "hello" });
  const shown = await client.call("GET", `/keys/${id}`);
  expect(shown.body.at("resources", 0)).toMatchObject({ tags: ["a"], description: "hello" });
});

test("an alias that is already in use is rejected with 409", async () => {
  await client.createKey({ aliases: ["mine"] });
  const refused = await client.call("POST", "/keys", collectionOf({ ...root, aliases: ["mine"] }));
  expect(rejectionIn(refused)).toEqual([409, "KEY_ALIAS_NOT_UNIQUE_ERR"]);
});

test.each<[string, unknown]>([
  ["plaintext that is not base64", { plaintext: "a*==" }],
  ["plaintext beyond 4096 characters", { plaintext: bytes(3073) }],
  ["127 AAD strings", { aad: Array.from({ length: 127 }, () => "x") }],
  ["an AAD string of 256 characters", { aad: ["x".repeat(256)] }],
])("a wrap with %s is rejected", async (_, body) => {
  const id = await client.createKey();
  const refused = await client.call("POST", `/keys/${id}/actions/wrap`, body);
  expect(rejectionIn(refused)).toEqual([400, "INVALID_FIELD_ERR"]);
});

test("a wrap accepts plaintext of the maximum size, and a request without a body", async () => {
  const id = await client.createKey();
  const largest = { plaintext: bytes(3072) };
  expect((await client.call("POST", `/keys/${id}/actions/wrap`, largest)).status).toBe(200);
  expect((await client.call("POST", `/keys/${id}/actions/wrap`)).status).toBe(200);
});

test("an unwrap error names the first byte of the ciphertext that is not base64", async () => {
  const id = await client.createKey();
  const refused = await client.call("POST", `/keys/${id}/actions/unwrap`, { ciphertext: "abc*" });
  expect(refused.body.text("resources", 0, "reasons", 0, "message")).toMatch(/input byte 3$/);
  expect(refused.body.at("resources", 0, "reasons", 0, "target")).toEqual({
    type: "field",
    name: "ciphertext",
  });
  const empty = await client.call("POST", `/keys/${id}/actions/unwrap`);
  expect(rejectionIn(empty)).toEqual([400, "NO_BODY_ERR"]);
});

test.each<[string, string[]]>([
  ["sort=name", []],
  ["limit=0", []],
  ["limit=5001", []],
  ["limit=ten", []],
  ["offset=-1", []],
  ["state=6", []],
  ["extractable=maybe", []],
  ["filter=creationDate", []],
  ["filter=state%3D1&state=1", []],
])("a list of keys with %s is rejected", async (query) => {
  expect(rejectionIn(await client.call("GET", `/keys?${query}`))).toEqual([
    400,
    "INVALID_QUERY_PARAM_ERR",
  ]);
});

async function names(query: string): Promise<unknown> {
  const { body } = await client.call("GET", `/keys?${query}`);
  const resources = body.at("resources");
  return Array.isArray(resources)
    ? resources.map((_, index) => body.at("resources", index, "name"))
    : [];
}

test("a list of keys can be searched, filtered, sorted and paged", async () => {
  await client.createKey({ name: "apple", aliases: ["red-one"] });
  emulator.clock.advance(2000);
  await client.createKey({ name: "banana", extractable: true });
  emulator.clock.advance(2000);
  const third = await client.createKey({ name: "apricot" });
  expect(await names("sort=creationDate")).toEqual(["apple", "banana", "apricot"]);
  expect(await names("sort=-creationDate&limit=1&offset=1")).toEqual(["banana"]);
  expect(await names("search=ap&sort=creationDate")).toEqual(["apple", "apricot"]);
  expect(await names("search=not:ap")).toEqual(["banana"]);
  expect(await names("search=alias:red,")).toEqual(["apple"]);
  expect(await names("search=exact:name:apple")).toEqual(["apple"]);
  expect(await names("extractable=true")).toEqual(["banana"]);
  await client.call("DELETE", `/keys/${third}`);
  expect(await names("sort=creationDate")).toEqual(["apple", "banana"]);
  expect(await names("state=5")).toEqual(["apricot"]);
  expect(
    await names(`filter=${encodeURIComponent("state=5,1 extractable=false")}&sort=creationDate`),
  ).toEqual(["apple", "apricot"]);
  const since = new Date(emulator.clock.now() - 3000).toISOString();
  expect(await names(`filter=${encodeURIComponent(`creationDate=gte:"${since}"`)}`)).toEqual([
    "banana",
  ]);
});

test("the key count equals the number of listed keys", async () => {
  for (let count = 0; count < 3; count += 1) await client.createKey();
  const head = await client.call("HEAD", "/keys");
  const list = await client.call("GET", "/keys?limit=1&totalCount=true");
  expect([head.headers["key-total"], head.text]).toEqual(["3", ""]);
  expect(list.headers["key-total"]).toBe("3");
  expect(list.body.at("metadata")).toMatchObject({ collectionTotal: 1, totalCount: 3 });
});

test("invalid key policies are rejected with the reason code of their error", async () => {
  const id = await client.createKey();
  const standard = await client.createKey({ extractable: true });
  const imported = await client.createKey({ payload: bytes(32) });
  const put = async (key: string, resource: Readonly<Record<string, unknown>>, query = "") =>
    rejectionIn(await client.call("PUT", `/keys/${key}/policies${query}`, collectionOf(resource)));
  const rotation = { rotation: { interval_month: 1 } };
  expect(await put(id, { rotation: { interval_month: 0 } })).toEqual([400, "INVALID_FIELD_ERR"]);
  expect(await put(id, { rotation: { interval_month: 1, extra: 1 } })).toEqual([
    400,
    "BAD_BODY_ERR",
  ]);
  expect(await put(id, {})).toEqual([400, "BAD_BODY_ERR"]);
  expect(await put(id, rotation, "?policy=dualAuthDelete")).toEqual([
    400,
    "BODY_QUERY_PARAM_MISMATCH_ERR",
  ]);
  expect(await put(id, rotation, "?policy=other")).toEqual([400, "INVALID_QUERY_PARAM_ERR"]);
  expect(await put(standard, rotation)).toEqual([400, "KEY_ROOT_REQ_ERR"]);
  expect(await put(imported, rotation)).toEqual([400, "KEY_PAYLOAD_REQ_ERR"]);
  expect(await put(id, { dualAuthDelete: { enabled: true } })).toEqual([200, undefined]);
  expect(await put(id, { dualAuthDelete: { enabled: false } })).toEqual([400, "INVALID_FIELD_ERR"]);
});

test("a changed policy keeps its creator and its ID", async () => {
  const id = await client.createKey();
  const bob = createRestClient(emulator, { userIndex: 1 });
  const first = await client.call(
    "PUT",
    `/keys/${id}/policies`,
    collectionOf({ rotation: { interval_month: 1 } }),
  );
  emulator.clock.advance(5000);
  const second = await bob.call(
    "PUT",
    `/keys/${id}/policies`,
    collectionOf({ rotation: { enabled: false } }),
  );
  const [before, after] = [first, second].map(({ body }) => body.at("resources", 0));
  expect(after).toEqual({
    ...Object(before),
    rotation: { enabled: false, interval_month: 1 },
    updatedBy: emulator.users[1]?.subject,
    lastUpdateDate: second.body.at("resources", 0, "lastUpdateDate"),
  });
});

test("a key can be created with policies of its own", async () => {
  const resource = { ...root, rotation: { interval_month: 2 }, dualAuthDelete: { enabled: true } };
  const created = await client.call("POST", "/keys_with_policy_overrides", collectionOf(resource));
  expect(created.status).toBe(201);
  const policies = await client.call(
    "GET",
    `/keys/${created.body.text("resources", 0, "id")}/policies`,
  );
  expect(policies.body.at("metadata", "collectionTotal")).toBe(2);
});
