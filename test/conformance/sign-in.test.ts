import { expect, test } from "vitest";
import { startEmulator } from "../support/start-emulator.ts";
import {
  errorBodyOf,
  createBearerClient,
  createVendorClient,
  failureOf,
  rejectionOf,
} from "./vendor-client.ts";

test("IBM's client gets one token and reuses it", async () => {
  await using emulator = await startEmulator();
  const client = createVendorClient(emulator);
  const bluemixInstance = emulator.instanceId;
  for (let count = 0; count < 5; count += 1) await client.getKeys({ bluemixInstance });
  expect(emulator.requests.count({ service: "iam" })).toBe(1);
  expect(emulator.requests.count({ operation: "getKeys" })).toBe(5);
});

test("concurrent calls of IBM's client share one token request", async () => {
  await using emulator = await startEmulator();
  const client = createVendorClient(emulator);
  const bluemixInstance = emulator.instanceId;
  await Promise.all(Array.from({ length: 10 }, () => client.getKeys({ bluemixInstance })));
  expect(emulator.requests.count({ service: "iam" })).toBe(1);
});

test("an unknown API key is rejected with IAM's error", async () => {
  await using emulator = await startEmulator();
  const client = createVendorClient(emulator, "no-such-key");
  const refused = await failureOf(client.getKeys({ bluemixInstance: emulator.instanceId }));
  expect(refused.status).toBe(400);
  expect(await errorBodyOf(refused)).toMatchObject({
    errorCode: "BXNIM0415E",
    errorMessage: "Provided API key could not be found.",
  });
});

test("a revoked token is rejected with 401", async () => {
  await using emulator = await startEmulator();
  const client = createVendorClient(emulator);
  const bluemixInstance = emulator.instanceId;
  await client.getKeys({ bluemixInstance });
  emulator.tokens.revokeAll();
  const refused = await failureOf(client.getKeys({ bluemixInstance }));
  expect(refused.status).toBe(401);
});

test("an expired token is rejected with 401", async () => {
  await using emulator = await startEmulator();
  const [user] = emulator.users;
  if (user === undefined) throw new Error("there is a user");
  const { accessToken } = emulator.tokens.issue(user, 60);
  const client = createBearerClient(emulator, accessToken);
  await client.getKeys({ bluemixInstance: emulator.instanceId });
  emulator.clock.advance(60_000);
  const refused = await failureOf(client.getKeys({ bluemixInstance: emulator.instanceId }));
  expect(refused.status).toBe(401);
});

test("a bearer that is no token is rejected with 400", async () => {
  await using emulator = await startEmulator();
  const client = createBearerClient(emulator, "garbage");
  expect(await rejectionOf(client.getKeys({ bluemixInstance: emulator.instanceId }))).toEqual([
    400,
    "BEARER_SUB_EXTRACTION_ERR",
  ]);
});

test("the retries of IBM's client succeed after 429 answers", async () => {
  await using emulator = await startEmulator();
  const client = createVendorClient(emulator);
  client.enableRetries({ maxRetries: 3, maxRetryInterval: 1 });
  emulator.faults.add({
    match: { operation: "getKeys" },
    times: 1,
    action: { kind: "respond", status: 429, headers: { "Retry-After": "1" } },
  });
  const listed = await client.getKeys({ bluemixInstance: emulator.instanceId });
  expect(listed.status).toBe(200);
  expect(emulator.requests.list({ operation: "getKeys" }).map(({ status }) => status)).toEqual([
    429, 200,
  ]);
});
