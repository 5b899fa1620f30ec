/** Behaviour of the emulator that the live suites of IBM's clients and its OpenAPI require. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Emulator } from "../../../src/emulator/emulator.ts";
import { startEmulator } from "../../support/start-emulator.ts";
import { collectionOf, createRestClient } from "./rest-client.ts";
import type { RestClient } from "./rest-client.ts";

let emulator: Emulator;
let client: RestClient;

beforeAll(async () => {
  emulator = await startEmulator();
  client = createRestClient(emulator);
});
beforeEach(() => emulator.reset());
afterAll(() => emulator[Symbol.asyncDispose]());

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
