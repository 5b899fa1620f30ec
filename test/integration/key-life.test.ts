/** The later life of a key, from the client to the emulator and back. */
import { expect, test } from "vitest";
import type { User } from "../../src/emulator/user.ts";
import { KeyState, ReturnPreference } from "../../src/gen/keyprotect/v1/key.ts";
import {
  createKeyId,
  deleteKeyRequest,
  dualAuthPolicy,
  generateDataKeyRequest,
  rotateKeyRequest,
} from "../support/requests.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";
import { createRestClient } from "../unit/emulator/rest-client.ts";

const representation = { returnPreference: ReturnPreference.REPRESENTATION };
const minimal = { returnPreference: ReturnPreference.UNSPECIFIED };
const tokenLifetimeSeconds = 40 * 24 * 3_600;
const hourMs = 3_600_000;

const users: readonly User[] = [
  { apiKey: "api-key-of-the-gateway", subject: "IBMid-GATEWAY", roles: ["Manager", "KeyPurge"] },
  { apiKey: "api-key-of-a-second-user", subject: "IBMid-SECOND", roles: ["Manager"] },
];

const start = (): Promise<TestGateway> =>
  startTestGateway({
    emulator: { users, tokenLifetimeSeconds },
    env: { IBMCLOUD_API_KEY: "api-key-of-the-gateway" },
  });

test("a disabled key wraps nothing until it is enabled again", async () => {
  await using gateway = await start();
  const { keys, actions } = gateway.clients;
  const keyId = await createKeyId(gateway);

  const disabled = await gateway.call(keys, "disableKey", { keyId, ...representation });
  expect(disabled.key).toMatchObject({ id: keyId, name: "orders", state: KeyState.SUSPENDED });
  expect(
    await gateway.failure(actions, "generateDataKey", generateDataKeyRequest(keyId)),
  ).toMatchObject({ code: "FAILED_PRECONDITION", reason: "KEY_STATE_INVALID" });
  expect(await gateway.failure(keys, "disableKey", { keyId, ...minimal })).toMatchObject({
    code: "FAILED_PRECONDITION",
    reason: "KEY_STATE_INVALID",
  });

  const early = await gateway.failure(keys, "enableKey", { keyId, ...minimal });
  expect(early).toMatchObject({ code: "FAILED_PRECONDITION", reason: "KEY_CHANGED_RECENTLY" });
  expect(early.retryInfo?.retryDelay?.seconds).toBe(30n);
  gateway.emulator.clock.advance(30_000);
  const enabled = await gateway.call(keys, "enableKey", { keyId, ...minimal });
  expect(enabled.key).toMatchObject({ id: keyId, name: "", state: KeyState.UNSPECIFIED });
  await gateway.call(actions, "generateDataKey", generateDataKeyRequest(keyId));
});

test.each([
  ["disableKey", KeyState.SUSPENDED],
  ["enableKey", KeyState.ACTIVE],
] as const)(
  "%s succeeds if the answer to its first attempt is lost and the second one is refused",
  async (rpc, state) => {
    await using gateway = await start();
    const { keys } = gateway.clients;
    const keyId = await createKeyId(gateway);
    if (rpc === "enableKey") {
      await gateway.call(keys, "disableKey", { keyId, ...minimal });
      gateway.emulator.clock.advance(30_000);
    }
    gateway.emulator.faults.add({
      match: { path: `/api/v2/keys/${keyId}/actions/${rpc.replace("Key", "")}` },
      action: { kind: "reset", when: "after-processing" },
      times: 1,
    });
    const { key } = await gateway.call(keys, rpc, { keyId, ...representation });
    expect(key).toMatchObject({ id: keyId, state });
  },
);

test("a deleted key can be restored from 30 seconds until 30 days after its deletion", async () => {
  await using gateway = await start();
  const { keys, actions } = gateway.clients;
  const keyId = await createKeyId(gateway);
  expect(await gateway.failure(keys, "restoreKey", { keyId, ...minimal })).toMatchObject({
    reason: "KEY_STATE_INVALID",
  });
  await gateway.call(keys, "deleteKey", deleteKeyRequest(keyId));
  const deleted = (await gateway.call(keys, "getKey", { keyId })).key;
  expect(deleted).toMatchObject({
    state: KeyState.DESTROYED,
    restoreAllowed: true,
    purgeAllowed: false,
  });
  expect(Number(deleted?.restoreExpireTime) - Number(deleted?.deleteTime)).toBe(30 * 24 * hourMs);
  expect(Number(deleted?.purgeAllowedTime) - Number(deleted?.deleteTime)).toBe(4 * hourMs);
  expect(Number(deleted?.purgeTime) - Number(deleted?.deleteTime)).toBe(90 * 24 * hourMs);

  expect(await gateway.failure(keys, "restoreKey", { keyId, ...minimal })).toMatchObject({
    reason: "KEY_CHANGED_RECENTLY",
  });
  gateway.emulator.clock.advance(30_000);
  const restored = await gateway.call(keys, "restoreKey", { keyId, ...representation });
  expect(restored.key).toMatchObject({ id: keyId, name: "orders", state: KeyState.ACTIVE });
  await gateway.call(actions, "generateDataKey", generateDataKeyRequest(keyId));

  await gateway.call(keys, "deleteKey", deleteKeyRequest(keyId));
  gateway.emulator.clock.advance(30 * 24 * hourMs);
  expect(await gateway.failure(keys, "restoreKey", { keyId, ...minimal })).toMatchObject({
    code: "FAILED_PRECONDITION",
    reason: "KEY_RESTORE_EXPIRED",
  });
});

test("a deleted key can be purged from 4 hours after its deletion, and is gone then", async () => {
  await using gateway = await start();
  const { keys } = gateway.clients;
  const keyId = await createKeyId(gateway);
  const purge = { keyId, allowMissing: false };
  expect(await gateway.failure(keys, "purgeKey", purge)).toMatchObject({
    reason: "KEY_STATE_INVALID",
  });
  await gateway.call(keys, "deleteKey", deleteKeyRequest(keyId));
  const early = await gateway.failure(keys, "purgeKey", purge);
  expect(early.reason).toBe("KEY_CHANGED_RECENTLY");
  expect(early.retryInfo?.retryDelay?.seconds).toBe(14_400n);

  gateway.emulator.clock.advance(4 * hourMs);
  expect((await gateway.call(keys, "purgeKey", purge)).key?.id).toBe(keyId);
  expect(await gateway.failure(keys, "getKey", { keyId })).toMatchObject({
    reason: "KEY_NOT_FOUND",
  });
  expect(await gateway.failure(keys, "purgeKey", purge)).toMatchObject({
    code: "NOT_FOUND",
    reason: "KEY_NOT_FOUND",
  });
  await gateway.call(keys, "purgeKey", { keyId, allowMissing: true });
});

test("the deletion of a key with dual authorization needs two users, and the first can change their mind", async () => {
  await using gateway = await start();
  const { keys, policies } = gateway.clients;
  const keyId = await createKeyId(gateway);
  expect(await gateway.failure(keys, "scheduleKeyDeletion", { keyId, ...minimal })).toMatchObject({
    code: "FAILED_PRECONDITION",
    reason: "DUAL_AUTH_NOT_ENABLED",
  });
  await gateway.call(policies, "replaceKeyPolicies", { keyId, policies: [dualAuthPolicy(true)] });

  const scheduled = await gateway.call(keys, "scheduleKeyDeletion", { keyId, ...representation });
  expect(scheduled.key?.dualAuthDelete).toMatchObject({ enabled: true, keySetForDeletion: true });
  expect(scheduled.key?.dualAuthDelete?.authExpireTime).toBeInstanceOf(Date);
  const cancelled = await gateway.call(keys, "cancelKeyDeletion", { keyId, ...representation });
  expect(cancelled.key?.dualAuthDelete).toMatchObject({ enabled: true, keySetForDeletion: false });

  await gateway.call(keys, "scheduleKeyDeletion", { keyId, ...minimal });
  expect(await gateway.failure(keys, "deleteKey", deleteKeyRequest(keyId))).toMatchObject({
    reason: "DUAL_AUTH_REQUIRED",
  });
  const second = createRestClient(gateway.emulator, { userIndex: 1 });
  expect((await second.call("DELETE", `/keys/${keyId}`)).status).toBe(204);
});

test("a key is synchronized at most once an hour", async () => {
  await using gateway = await start();
  const { keys } = gateway.clients;
  const keyId = await createKeyId(gateway);
  await gateway.call(keys, "syncKey", { keyId, ...minimal });
  const early = await gateway.failure(keys, "syncKey", { keyId, ...minimal });
  expect(early.reason).toBe("KEY_CHANGED_RECENTLY");
  expect(early.retryInfo?.retryDelay?.seconds).toBe(3_600n);
  gateway.emulator.clock.advance(hourMs);
  await gateway.call(keys, "syncKey", { keyId, ...minimal });
});

test("UpdateKey moves a key to another ring, whose name it finds out if the call names none", async () => {
  await using gateway = await start();
  const { keys } = gateway.clients;
  const operator = createRestClient(gateway.emulator);
  for (const ring of ["orders", "payments"]) await operator.call("POST", `/key_rings/${ring}`);
  const keyId = await createKeyId(gateway);
  const before = gateway.upstreamRequests().length;
  const moved = await gateway.call(keys, "updateKey", {
    keyId,
    keyRingId: "orders",
    updateMask: ["key_ring_id"],
  });
  expect(moved.key).toMatchObject({ id: keyId, keyRingId: "orders" });
  expect(gateway.upstreamRequests().slice(before)).toEqual([
    `GET /api/v2/keys/${keyId}/metadata`,
    `PATCH /api/v2/keys/${keyId}`,
  ]);

  const request = { keyId, keyRingId: "payments", updateMask: undefined };
  const inOrders = { metadata: { "x-kp-key-ring": "orders" } };
  await gateway.call(keys, "updateKey", request, inOrders);
  expect(await gateway.failure(keys, "updateKey", request, inOrders)).toMatchObject({
    code: "NOT_FOUND",
    reason: "KEY_NOT_FOUND",
  });
  expect(
    await gateway.failure(keys, "updateKey", { ...request, keyRingId: "nowhere" }),
  ).toMatchObject({ code: "NOT_FOUND", reason: "KEY_RING_NOT_FOUND" });
});

test("UpdateKey reports all violations at once", async () => {
  await using gateway = await start();
  const failure = await gateway.failure(gateway.clients.keys, "updateKey", {
    keyId: "",
    keyRingId: "a",
    updateMask: ["name"],
  });
  expect(
    failure.badRequest?.fieldViolations.map(({ field, reason }) => `${field} ${reason}`),
  ).toEqual(["key_id REQUIRED", "key_ring_id FORMAT_INVALID", "update_mask UNKNOWN_VALUE"]);
});

test("ListKeyVersions lists the versions of a key page by page, the newest first", async () => {
  await using gateway = await start();
  const { keys, actions } = gateway.clients;
  const keyId = await createKeyId(gateway);
  for (let rotation = 0; rotation < 2; rotation += 1) {
    await gateway.call(actions, "rotateKey", rotateKeyRequest(keyId));
    gateway.emulator.clock.advance(hourMs);
  }
  const newest = (await gateway.call(keys, "getKey", { keyId })).key?.keyVersion;

  const first = await gateway.call(keys, "listKeyVersions", {
    keyId,
    pageSize: 2,
    pageToken: "",
  });
  expect(first.keyVersions).toHaveLength(2);
  expect(first.keyVersions[0]).toEqual(newest);
  const second = await gateway.call(keys, "listKeyVersions", {
    keyId,
    pageSize: 2,
    pageToken: first.nextPageToken,
  });
  expect(second.nextPageToken).toBe("");
  const all = [...first.keyVersions, ...second.keyVersions];
  expect(new Set(all.map(({ id }) => id)).size).toBe(3);
  const times = all.map(({ createTime }) => Number(createTime));
  expect(times).toEqual(times.toSorted((a, b) => b - a));

  const otherKey = await createKeyId(gateway);
  expect(
    await gateway.failure(keys, "listKeyVersions", {
      keyId: otherKey,
      pageSize: 2,
      pageToken: first.nextPageToken,
    }),
  ).toMatchObject({ reason: "PAGE_TOKEN_INVALID" });
});

test("DeleteKey with force deletes a key that protects resources", async () => {
  await using gateway = await start();
  const { keys } = gateway.clients;
  const keyId = await createKeyId(gateway);
  gateway.emulator.register({
    keyId,
    resourceCrn: "crn:v1:bluemix:public:cloud-object-storage:global:a/1:2:bucket:orders",
  });
  expect(await gateway.failure(keys, "deleteKey", deleteKeyRequest(keyId))).toMatchObject({
    reason: "KEY_PROTECTS_RESOURCES",
  });
  await gateway.call(keys, "deleteKey", deleteKeyRequest(keyId, { force: true }));
});
