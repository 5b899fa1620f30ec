/** The gRPC libraries with the published service configuration use all addresses of a target. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repositoryRoot } from "../../../scripts/run.ts";
import {
  CountKeysRequest,
  KeysServiceService,
} from "../../../src/gen/keyprotect/v1/keys_service.ts";
import { startTestGateway, type TestGateway } from "../../support/start-gateway.ts";
import { buildClient, testedLibraries } from "../languages.ts";
import type { BuiltClient } from "../toolchains.ts";
import { startWireClient } from "../wire-client.ts";

const { countKeys } = KeysServiceService;
const published = join(repositoryRoot, "proto/keyprotect/v1/service_config.json");
const calls = 20;

const callsAt = (gateway: TestGateway): number =>
  gateway.log().filter(({ msg }) => msg === "call").length;

describe.each(testedLibraries)("a client of %s with two replicas", (library) => {
  let built: BuiltClient;
  beforeAll(async () => {
    built = await buildClient(library);
  }, 600_000);
  afterAll(() => built[Symbol.asyncDispose]());

  test(`${library} spreads the calls of one channel over both replicas`, async () => {
    await using one = await startTestGateway();
    await using other = await startTestGateway();
    const addresses = [one.address, other.address];
    await using client = startWireClient(built.command, addresses, published);
    const request = CountKeysRequest.encode({ states: [], types: [], filter: "" }).finish();
    // The first calls of a channel may come before its second connection.
    for (let call = 0; call < calls; call += 1) {
      expect((await client.call(countKeys.path, request, 10_000)).code).toBe("OK");
    }
    expect(callsAt(one) + callsAt(other)).toBe(calls);
    expect(Math.min(callsAt(one), callsAt(other))).toBeGreaterThan(calls / 4);
  }, 60_000);
});
