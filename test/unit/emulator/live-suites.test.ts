/** Behaviour of the emulator that the live suites of IBM's clients and its OpenAPI require. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Emulator } from "../../../src/emulator/emulator.ts";
import { startEmulator } from "../../support/start-emulator.ts";
import { collectionOf, createRestClient, rejectionIn } from "./rest-client.ts";
import type { RestAnswer, RestClient } from "./rest-client.ts";

let emulator: Emulator;
let client: RestClient;

beforeAll(async () => {
  emulator = await startEmulator();
  client = createRestClient(emulator);
});
beforeEach(() => emulator.reset());
afterAll(() => emulator[Symbol.asyncDispose]());

const filter = (term: string): string => `filter=${encodeURIComponent(term)}`;

test.each(["/keys", "/keys/{id}/policies", "/keys/registrations", "/instance/policies"])(
  "an empty collection at %s has an empty list of resources",
  async (path) => {
    const id = path.includes("{id}") ? await client.createKey() : "";
    const { body } = await client.call("GET", path.replace("{id}", id));
    expect([body.at("metadata", "collectionTotal"), body.at("resources")]).toEqual([0, []]);
  },
);

test("creating a key without a Prefer header answers its aliases", async () => {
  const resource = { name: "named", extractable: false, aliases: ["one", "two"] };
  const { body } = await client.call("POST", "/keys", collectionOf(resource));
  expect(body.at("resources", 0, "aliases")).toEqual(["one", "two"]);
});

test("a filter with a date but no time is rejected with 400", async () => {
  const refused = await client.call("GET", `/keys?${filter('creationDate=gte:"2026-01-02"')}`);
  expect(rejectionIn(refused)).toEqual([400, "INVALID_QUERY_PARAM_ERR"]);
});

test("a filter compares dates in milliseconds", async () => {
  const createdAt = Date.UTC(2026, 0, 2, 3, 4, 5, 600);
  await using fixed = await startEmulator({ wallNow: () => createdAt });
  const fixedClient = createRestClient(fixed);
  await fixedClient.createKey();
  const found = async (term: string): Promise<unknown> => {
    const list = await fixedClient.call("GET", `/keys?${filter(term)}`);
    return list.body.at("metadata", "collectionTotal");
  };
  expect(await found('creationDate=gt:"2026-01-02T03:04:05Z"')).toBe(1);
  expect(await found('creationDate="2026-01-02T03:04:05Z"')).toBe(0);
  expect(await found('creationDate="2026-01-02T03:04:05.600Z"')).toBe(1);
  expect(await found('creationDate=lt:"2026-01-02T03:04:05.601+00:00"')).toBe(1);
});

test("the profile of 2019 names the mode GCM", async () => {
  await using old = await startEmulator({ profile: "2019" });
  const oldClient = createRestClient(old);
  const { body } = await oldClient.call("GET", `/keys/${await oldClient.createKey()}`);
  expect(body.at("resources", 0)).toMatchObject({
    algorithmType: "AES",
    algorithmMetadata: { bitLength: "256", mode: "GCM" },
    algorithmMode: "GCM",
  });
});

test("setting a policy without a policy parameter answers the policies that were put", async () => {
  const id = await client.createKey();
  const put = async (...resources: readonly object[]): Promise<unknown> => {
    const metadata = { collectionType: "policy", collectionTotal: resources.length };
    return (await client.call("PUT", `/keys/${id}/policies`, { metadata, resources })).body.at(
      "metadata",
      "collectionTotal",
    );
  };
  expect(await put({ dualAuthDelete: { enabled: true } })).toBe(1);
  const rotation = { rotation: { interval_month: 2 } };
  expect(await put(rotation)).toBe(1);
  expect(await put(rotation, { dualAuthDelete: { enabled: true } })).toBe(2);
  const { body } = await client.call("GET", `/keys/${id}/policies`);
  expect(body.at("metadata", "collectionTotal")).toBe(2);
});

const putInstancePolicy = async (
  type: string,
  enabled: boolean,
  attributes?: Readonly<Record<string, unknown>>,
): Promise<RestAnswer> =>
  client.call(
    "PUT",
    `/instance/policies?policy=${type}`,
    collectionOf({ policy_type: type, policy_data: { enabled, attributes } }),
  );

test.each([
  ["allowedNetwork", true, { allowed_network: "private-only" }],
  ["allowedNetwork", false, { allowed_network: "public-and-private" }],
  ["allowedIP", true, { allowed_ip: ["192.0.2.0/24", "2001:db8::/32"] }],
  ["allowedIP", false, undefined],
  ["dualAuthDelete", true, undefined],
  ["metrics", false, {}],
  ["keyCreateImportAccess", true, { create_root_key: false, enforce_token: true }],
  ["keyCreateImportAccess", true, undefined],
  ["keyCreateImportAccess", false, undefined],
  ["rotation", true, { interval_month: 12 }],
  ["rotation", false, undefined],
] as const)(
  "the instance policy %s with enabled %s and the attributes %j is accepted",
  async (type, enabled, attributes) => {
    expect((await putInstancePolicy(type, enabled, attributes)).status).toBe(204);
  },
);

test.each([
  ["allowedNetwork", true, undefined, "BAD_BODY_ERR"],
  ["allowedNetwork", false, undefined, "BAD_BODY_ERR"],
  ["allowedNetwork", true, { allowed_network: "public-only" }, "INVALID_FIELD_ERR"],
  ["allowedNetwork", true, { allowed_network: true }, "BAD_BODY_ERR"],
  ["allowedIP", true, undefined, "BAD_BODY_ERR"],
  ["allowedIP", true, { allowed_ip: [] }, "INVALID_FIELD_ERR"],
  ["allowedIP", true, { allowed_ip: ["192.0.2.1"] }, "INVALID_FIELD_ERR"],
  ["allowedIP", true, { allowed_ip: ["192.0.2.0/33"] }, "INVALID_FIELD_ERR"],
  ["allowedIP", true, { allowed_ip: ["example.com/24"] }, "INVALID_FIELD_ERR"],
  ["allowedIP", true, { allowed_ip: "192.0.2.0/24" }, "BAD_BODY_ERR"],
  ["allowedIP", false, { allowed_ip: ["192.0.2.0/24"] }, "INVALID_FIELD_ERR"],
  ["dualAuthDelete", true, { interval_month: 1 }, "BAD_BODY_ERR"],
  ["keyCreateImportAccess", true, { create_root_key: "no" }, "BAD_BODY_ERR"],
  ["keyCreateImportAccess", false, { create_root_key: false }, "INVALID_FIELD_ERR"],
  ["rotation", true, undefined, "BAD_BODY_ERR"],
  ["rotation", true, { interval_month: 13 }, "INVALID_FIELD_ERR"],
  ["rotation", false, { interval_month: 0 }, "INVALID_FIELD_ERR"],
] as const)(
  "the instance policy %s with enabled %s and the attributes %j is rejected",
  async (type, enabled, attributes, code) => {
    expect(rejectionIn(await putInstancePolicy(type, enabled, attributes))).toEqual([400, code]);
    const { body } = await client.call("GET", "/instance/policies");
    expect(body.at("metadata", "collectionTotal")).toBe(0);
  },
);
