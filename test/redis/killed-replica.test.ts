/** The records of request IDs in Redis when a replica is killed during its call. */
import { randomUUID } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { unaryCall } from "../../examples/unary-call.ts";
import { buildGateway, type BuiltGateway } from "../process/built-gateway.ts";
import { startReplicas } from "../process/replicas.ts";
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
    env: { GATEWAY_REQUEST_ID_STORE: "redis", GATEWAY_REDIS_URL: redis.url },
  });
  const { client } = replicas;
  const request = createKeyRequest({ requestId: randomUUID() });
  const create = (withinMs: number) =>
    unaryCall(client, "createKey", request, undefined, { deadline: Date.now() + withinMs });

  const killed = await replicas.callAndKill("createKey", () => create(6_000));
  expect(killed.error?.code).toBe(status.UNAVAILABLE);
  expect(killed.error === null || statusDetails(killed.error).errorInfo).toBeUndefined();

  const early = await create(5_000);
  const earlyInfo = early.error === null ? undefined : statusDetails(early.error).errorInfo;
  expect([early.error?.code, earlyInfo?.reason]).toEqual([
    status.DEADLINE_EXCEEDED,
    "DEADLINE_UPSTREAM",
  ]);
  expect(earlyInfo?.metadata["mayHaveExecuted"]).toBe("true");

  const late = await create(30_000);
  const lateInfo = late.error === null ? undefined : statusDetails(late.error).errorInfo;
  expect(lateInfo?.reason).toBe("OUTCOME_UNKNOWN");
  expect(lateInfo?.metadata["mayHaveExecuted"]).toBe("true");
  const counted = await unaryCall(client, "countKeys", {});
  expect(counted.response).toEqual({ totalSize: 1 });
}, 90_000);
