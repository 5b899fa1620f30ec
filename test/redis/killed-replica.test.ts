/** The records of request IDs in Redis when a replica is killed during its call. */
import { randomUUID } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { unaryCall } from "../../examples/unary-call.ts";
import { buildGateway, type BuiltGateway } from "../process/built-gateway.ts";
import { startReplicas } from "../process/replicas.ts";
import { eventually } from "../support/eventually.ts";
import { startRedisServer } from "../support/redis-server.ts";
import { createKeyRequest } from "../support/requests.ts";
import { startEmulator } from "../support/start-emulator.ts";
import { statusDetails } from "../support/status-details.ts";

let built: BuiltGateway;
beforeAll(async () => {
  built = await buildGateway();
}, 120_000);
afterAll(() => built[Symbol.asyncDispose]());

test("a repeat at another replica with a request_id in Redis waits for a killed call's lease, and makes no second key", async () => {
  await using redis = await startRedisServer();
  await using emulator = await startEmulator();
  await using replicas = await startReplicas(built.main, emulator, {
    env: {
      GATEWAY_REQUEST_ID_STORE: "redis",
      GATEWAY_REDIS_URL: redis.url,
      GATEWAY_MAX_DEADLINE_MS: "4000",
    },
  });
  const { client } = replicas;
  // Both replicas, which are called in turn, have to have their connection to Redis.
  let made = 0;
  await eventually(async () => {
    const other = createKeyRequest({ requestId: randomUUID() });
    if ((await unaryCall(client, "createKey", other)).error === null) made += 1;
    return made === 4;
  });
  const request = createKeyRequest({ requestId: randomUUID() });
  const killed = await replicas.callAndKill("createKey", () =>
    unaryCall(client, "createKey", request),
  );
  expect(killed.error?.code).toBe(status.UNAVAILABLE);
  expect(killed.error === null || statusDetails(killed.error).errorInfo).toBeUndefined();

  // The lease lasts 14 s, and the gateway lets each repeat wait for 4 s.
  const outcomeUnknown = "UNKNOWN OUTCOME_UNKNOWN true";
  const told = new Set<string>();
  const end = Date.now() + 45_000;
  while (!told.has(outcomeUnknown) && Date.now() < end) {
    const { error } = await unaryCall(client, "createKey", request);
    const info = error === null ? undefined : statusDetails(error).errorInfo;
    const executed = info?.metadata["mayHaveExecuted"];
    told.add(`${status[error?.code ?? 0]} ${info?.reason ?? ""} ${executed ?? ""}`);
  }
  expect([...told]).toEqual(
    expect.arrayContaining(["DEADLINE_EXCEEDED DEADLINE_UPSTREAM true", outcomeUnknown]),
  );
  // On a busy machine Redis may be late. That too says to repeat with the same ID.
  for (const answer of told) {
    expect(answer).toMatch(/DEADLINE_UPSTREAM|OUTCOME_UNKNOWN|REQUEST_ID_STORE_UNAVAILABLE/);
  }
  const counted = await unaryCall(client, "countKeys", {});
  expect(counted.response).toEqual({ totalSize: made + 1 });
}, 90_000);
