/** Behaviour of the emulator that the live suites of IBM's clients and its OpenAPI require. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Emulator } from "../../../src/emulator/emulator.ts";
import { startEmulator } from "../../support/start-emulator.ts";
import { createRestClient } from "./rest-client.ts";
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
