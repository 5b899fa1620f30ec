/**
 * A gateway that is killed during a call, and the configuration of its client: after a bare
 * UNAVAILABLE the key may exist, so only the RPCs of `service_config.json` are repeated.
 */
import { randomUUID } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { unaryCall } from "../../examples/unary-call.ts";
import { createKeyRequest } from "../support/requests.ts";
import { startEmulator } from "../support/start-emulator.ts";
import { statusDetails } from "../support/status-details.ts";
import { buildGateway, type BuiltGateway } from "./built-gateway.ts";
import { publishedConfig, startReplicas } from "./replicas.ts";

let built: BuiltGateway;
beforeAll(async () => {
  built = await buildGateway();
}, 120_000);
afterAll(() => built[Symbol.asyncDispose]());

test("a create whose gateway is killed fails with a bare UNAVAILABLE, and the key exists", async () => {
  await using emulator = await startEmulator();
  await using replicas = await startReplicas(built.main, emulator);
  const { client } = replicas;
  const { error } = await replicas.callAndKill("createKey", () =>
    unaryCall(client, "createKey", createKeyRequest()),
  );
  expect(error?.code).toBe(status.UNAVAILABLE);
  expect(error === null || statusDetails(error).errorInfo).toBeUndefined();
  expect(error?.metadata.get("grpc-retry-pushback-ms")).toEqual([]);
  const counted = await unaryCall(client, "countKeys", {});
  expect(counted.response).toEqual({ totalSize: 1 });
}, 60_000);

test("a client with service_config.json repeats a read at another replica when its gateway is killed", async () => {
  await using emulator = await startEmulator();
  await using replicas = await startReplicas(built.main, emulator);
  const request = { pageSize: 10, pageToken: "", skip: 0 };
  const { response } = await replicas.callAndKill("getKeys", () =>
    unaryCall(replicas.client, "listKeys", request),
  );
  expect(response?.keys).toEqual([]);
  expect(emulator.requests.list({ operation: "getKeys" })).toHaveLength(2);
}, 60_000);

test("a client that repeats creates after UNAVAILABLE makes a second key when its gateway is killed", async () => {
  await using emulator = await startEmulator();
  const everyMethod = publishedConfig.replace(/"name": \[[^\]]*\]/, '"name": [{}]');
  await using replicas = await startReplicas(built.main, emulator, { serviceConfig: everyMethod });
  const { client } = replicas;
  const { error } = await replicas.callAndKill("createKey", () =>
    unaryCall(client, "createKey", createKeyRequest()),
  );
  expect(error).toBeNull();
  const counted = await unaryCall(client, "countKeys", {});
  expect(counted.response).toEqual({ totalSize: 2 });
}, 60_000);

test("a request_id in memory ends with its gateway, and its repeat makes a second key", async () => {
  await using emulator = await startEmulator();
  await using replicas = await startReplicas(built.main, emulator, {
    env: { GATEWAY_REQUEST_ID_STORE: "memory" },
  });
  const { client } = replicas;
  const request = createKeyRequest({ requestId: randomUUID() });
  const { error } = await replicas.callAndKill("createKey", () =>
    unaryCall(client, "createKey", request),
  );
  expect(error === null || statusDetails(error).errorInfo).toBeUndefined();
  const repeated = await unaryCall(client, "createKey", request);
  expect(repeated.response?.replayed).toBe(false);
  const counted = await unaryCall(client, "countKeys", {});
  expect(counted.response).toEqual({ totalSize: 2 });
}, 60_000);
