import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Emulator } from "../../../../src/emulator/emulator.ts";
import { startEmulator } from "../../../support/start-emulator.ts";
import { createRestClient, rejectionIn, send } from "../rest-client.ts";
import type { RestAnswer, RestClient } from "../rest-client.ts";
import { fieldsIn, newAdapter, newPem, postCertificate } from "./kmip-client.ts";

const day = 24 * 3600 * 1000;
let emulator: Emulator;
let client: RestClient;
let adapter: string;

beforeAll(async () => {
  emulator = await startEmulator();
  client = createRestClient(emulator);
});
beforeEach(async () => {
  emulator.reset();
  adapter = await newAdapter(client, { name: "vcenter" });
});
afterAll(() => emulator[Symbol.asyncDispose]());

const plant = (body: object): Promise<RestAnswer> =>
  send(`${emulator.url}/emulator/kmip-objects`, "POST", {}, JSON.stringify(body));
const list = (query = ""): Promise<RestAnswer> =>
  client.call("GET", `/kmip_adapters/${adapter}/kmip_objects${query}`);
const statesIn = async (query: string): Promise<ReadonlySet<unknown>> =>
  new Set(fieldsIn(await list(query), "state"));
const show = (id: string): Promise<RestAnswer> =>
  client.call("GET", `/kmip_adapters/vcenter/kmip_objects/${id}`);
const remove = (id: string, query = ""): Promise<RestAnswer> =>
  client.call("DELETE", `/kmip_adapters/vcenter/kmip_objects/${id}${query}`);

test("a KMIP object that is planted over the control route can be read and listed", async () => {
  const added = await postCertificate(client, adapter, { name: "host", certificate: newPem() });
  const certificateId = added.body.text("resources", 0, "id");
  const planted = await plant({
    adapter: "vcenter",
    state: 3,
    certificate: "host",
    recoverable: true,
  });
  const id = planted.body.text("id");
  const shown = await show(id);
  expect([shown.status, shown.headers["content-type"]]).toEqual([
    200,
    "application/vnd.ibm.kms.kmip_object+json",
  ]);
  const date = shown.body.text("resources", 0, "created_at");
  expect(shown.body.at("resources")).toEqual([
    {
      id,
      kmip_object_type: 2,
      state: 3,
      created_at: date,
      created_by: emulator.users[0]?.subject,
      created_by_kmip_client_cert_id: certificateId,
      updated_at: date,
      updated_by: emulator.users[0]?.subject,
      updated_by_kmip_client_cert_id: certificateId,
      recoverable: true,
    },
  ]);
  expect((await list()).body.at("resources")).toEqual(shown.body.at("resources"));
});

test.each<[string, object]>([
  ["no adapter", { state: 2 }],
  ["an unknown adapter", { adapter: "other" }],
  ["an unknown certificate", { adapter: "vcenter", certificate: "other" }],
  ["an unknown instance", { adapter: "vcenter", instanceId: "other" }],
  ["state 7", { adapter: "vcenter", state: 7 }],
  ["a state that is no number", { adapter: "vcenter", state: "2" }],
])("planting a KMIP object with %s is rejected with 400", async (_, body) => {
  const refused = await plant(body);
  expect([refused.status, refused.body.text("error")]).toEqual([400, expect.any(String)]);
  expect(fieldsIn(await list("?state=1,2,3,4,5,6"), "id")).toEqual([]);
});

test("a list of KMIP objects omits the destroyed ones unless it asks for their states", async () => {
  for (const state of [1, 2, 3, 4, 5, 6]) emulator.plantKmipObject({ adapter, state });
  expect(await statesIn("")).toEqual(new Set([1, 2, 3, 4]));
  expect(await statesIn("?state=5,6")).toEqual(new Set([5, 6]));
  expect(await statesIn("?state=2")).toEqual(new Set([2]));
});

test.each(["state=0", "state=7", "state=x", "state=2,", "state=1.5", "limit=5001"])(
  "a list of KMIP objects with %s is rejected",
  async (query) => {
    expect(rejectionIn(await list(`?${query}`))).toEqual([400, "INVALID_QUERY_PARAM_ERR"]);
  },
);

test("KMIP objects are listed in pages", async () => {
  const ids = [1, 2, 3].map(() => emulator.plantKmipObject({ adapter })).toSorted();
  const page = await list("?limit=1&offset=1&totalCount=true");
  expect(fieldsIn(page, "id")).toEqual([ids[1]]);
  expect(page.body.at("metadata")).toMatchObject({ collectionTotal: 1, totalCount: 3 });
  expect((await list("?limit=5000")).status).toBe(200);
});

test.each([
  [1, 5],
  [3, 5],
  [4, 6],
])("deleting a KMIP object in state %i leaves it in state %i", async (before, after) => {
  const id = emulator.plantKmipObject({ adapter, state: before });
  emulator.clock.advance(2000);
  expect((await remove(id)).status).toBe(204);
  const { body } = await show(id);
  const bySubject = emulator.users[0]?.subject;
  expect(body.at("resources", 0)).toMatchObject({
    state: after,
    destroyed_by: bySubject,
    updated_at: body.text("resources", 0, "destroyed_at"),
  });
  expect(body.at("resources", 0, "destroyed_by_kmip_client_cert_id")).toBeUndefined();
  expect((await remove(id, "?force=true")).status).toBe(410);
});

test("an active KMIP object is deleted only with force", async () => {
  const id = emulator.plantKmipObject({ adapter });
  const refused = await remove(id, "?force=false");
  expect([refused.status, refused.body.text("resources", 0, "errorMsg")]).toEqual([
    409,
    "Conflict: The KMIP object is in the active state.",
  ]);
  expect((await show(id)).body.at("resources", 0, "state")).toBe(2);
  expect((await remove(id, "?force=true")).status).toBe(204);
});

test("a destroyed KMIP object is purged after 90 days", async () => {
  const id = emulator.plantKmipObject({ adapter, state: 1 });
  await remove(id);
  emulator.clock.advance(89 * day);
  expect((await show(id)).status).toBe(200);
  emulator.clock.advance(day);
  expect(rejectionIn(await show(id))).toEqual([404, "KMIP_OBJECT_NOT_FOUND_ERR"]);
});

test("a KMIP object is found in its own KMIP adapter only", async () => {
  const other = await newAdapter(client);
  const id = emulator.plantKmipObject({ adapter: other });
  expect(rejectionIn(await show(id))).toEqual([404, "KMIP_OBJECT_NOT_FOUND_ERR"]);
  expect(rejectionIn(await remove(id))).toEqual([404, "KMIP_OBJECT_NOT_FOUND_ERR"]);
  expect(fieldsIn(await list(), "id")).toEqual([]);
});
