/**
 * Clients of three gRPC libraries with the published service configuration, against a gateway that
 * is killed, loses answers and times out: no create is executed twice.
 */
import { join } from "node:path";
import { Metadata, Server, ServerCredentials, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repositoryRoot } from "../../scripts/run.ts";
import { serviceConfigFile } from "../../scripts/service-config.ts";
import { CreateKeyRequest, KeysServiceService } from "../../src/gen/keyprotect/v1/keys_service.ts";
import { buildGateway, type BuiltGateway } from "../process/built-gateway.ts";
import { createRandom } from "../simulation/random.ts";
import { createKeyRequest } from "../support/requests.ts";
import { buildClient, testedLibraries } from "./languages.ts";
import type { BuiltClient } from "./toolchains.ts";
import { startUnreliableGateways, type UnreliableGateways } from "./unreliable-gateway.ts";
import { startWireClient, type WireClient, type WireOutcome } from "./wire-client.ts";

/** With a configuration for all methods, the search finds second keys. */
const publishedConfig =
  process.env["INTEROP_SERVICE_CONFIG"] ?? join(repositoryRoot, serviceConfigFile);
const creates = 1_000;
/** Calls of a client at the same time. */
const concurrency = 12;
const seed = Number(process.env["INTEROP_SEED"] ?? 20_261_128);

const { createKey, getKey } = KeysServiceService;

let compiled: BuiltGateway;
beforeAll(async () => {
  compiled = await buildGateway();
}, 120_000);
afterAll(() => compiled[Symbol.asyncDispose]());

/** A server that fails every call with UNAVAILABLE, and counts the attempts by RPC. */
async function startUnavailableServer(pushback: string | undefined) {
  const attempts = new Map<string, number>();
  const server = new Server();
  const fail = (path: string) => (_call: unknown, callback: (error: object) => void) => {
    attempts.set(path, (attempts.get(path) ?? 0) + 1);
    const metadata = new Metadata();
    if (pushback !== undefined) metadata.set("grpc-retry-pushback-ms", pushback);
    callback({ code: status.UNAVAILABLE, details: "unavailable", metadata });
  };
  server.addService(
    { createKey, getKey },
    { createKey: fail(createKey.path), getKey: fail(getKey.path) },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    address: `127.0.0.1:${port}`,
    attempts: (path: string) => attempts.get(path) ?? 0,
    [Symbol.dispose]: () => server.forceShutdown(),
  };
}

/** A create and its outcome. */
interface Create {
  readonly name: string;
  readonly outcome: WireOutcome;
}

/** Whether a failure does not come from the gateway's own code. */
const isBare = ({ code, errorInfo }: WireOutcome): boolean =>
  code !== "OK" && errorInfo === undefined;

/** Makes all creates, each once and under a name of its own. */
async function createAll(client: WireClient, gateways: UnreliableGateways): Promise<Create[]> {
  const random = createRandom(seed + 2);
  const ended: Create[] = [];
  let next = 0;
  const sendInTurn = async (): Promise<void> => {
    while (next < creates) {
      const name = `key-${next}`;
      next += 1;
      const request = CreateKeyRequest.encode(createKeyRequest({ name })).finish();
      const timeoutMs = 300 + Math.round(2_700 * random());
      await gateways.callBegins();
      const outcome = await client.call(createKey.path, request, timeoutMs);
      ended.push({ name, outcome });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, sendInTurn));
  return ended;
}

const mayHaveExecuted = ({ errorInfo }: WireOutcome): string | undefined =>
  errorInfo?.metadata["mayHaveExecuted"];

describe.each(testedLibraries)("a client of %s with service_config.json", (library) => {
  let built: BuiltClient;
  beforeAll(async () => {
    built = await buildClient(library);
  }, 600_000);
  afterAll(() => built[Symbol.asyncDispose]());

  test.each([
    ["none", 3],
    // The least delay of the gateway, for SHUTTING_DOWN.
    ["1", 3],
    ["-1", 1],
  ])(
    `if the server's pushback is %s, ${library} calls GetKey %d times and CreateKey once`,
    async (pushback, expected) => {
      using server = await startUnavailableServer(pushback === "none" ? undefined : pushback);
      await using client = startWireClient(built.command, [server.address], publishedConfig);
      for (const { path } of [createKey, getKey]) {
        const { code, errorInfo } = await client.call(path, Buffer.alloc(0), 10_000);
        expect([code, errorInfo]).toEqual(["UNAVAILABLE", undefined]);
      }
      expect(server.attempts(createKey.path)).toBe(1);
      expect(server.attempts(getKey.path)).toBe(expected);
    },
    60_000,
  );

  test(`${library} makes no second key while the gateway is killed, loses answers and times out`, async () => {
    await using unreliable = await startUnreliableGateways(compiled.main, seed);
    await using client = startWireClient(built.command, unreliable.addresses, publishedConfig);
    const ended = await createAll(client, unreliable);
    const kills = unreliable.kills();
    const names = await unreliable.keyNames();
    const executed = new Set(names);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);

    const namesOf = (which: (outcome: WireOutcome) => boolean): string[] =>
      ended.filter(({ outcome }) => which(outcome)).map(({ name }) => name);
    const succeeded = namesOf(({ code }) => code === "OK");
    const definite = namesOf((outcome) => mayHaveExecuted(outcome) === "false");
    const doubtful = namesOf((outcome) => mayHaveExecuted(outcome) === "true");
    const bare = namesOf(isBare);
    expect(succeeded.filter((name) => !executed.has(name))).toEqual([]);
    expect(definite.filter((name) => executed.has(name))).toEqual([]);

    // The run was one in which a client that repeats would have made second keys.
    const seen = {
      kills,
      ended: ended.length,
      succeeded: succeeded.length,
      executedAndBare: bare.filter((name) => executed.has(name)).length,
      executedAndDoubtful: doubtful.filter((name) => executed.has(name)).length,
    };
    const summary = `${library} with seed ${seed}: ${JSON.stringify(seen)}`;
    process.stdout.write(`${summary}\n`);
    expect(seen.ended, summary).toBe(creates);
    expect(seen.succeeded, summary).toBeGreaterThan(creates / 4);
    expect(seen.kills, summary).toBeGreaterThanOrEqual(3);
    expect(seen.executedAndBare, summary).toBeGreaterThanOrEqual(5);
    expect(seen.executedAndDoubtful, summary).toBeGreaterThanOrEqual(5);
  }, 600_000);
});
