/** Key rings, aliases and registrations, from the client to the emulator and back. */
import { expect, test } from "vitest";
import { createKeyId, deleteKeyRequest } from "../support/requests.ts";
import { startTestGateway } from "../support/start-gateway.ts";

const unsupported = { code: "UNIMPLEMENTED", reason: "OPERATION_UNSUPPORTED" };
const lost = { kind: "reset", when: "after-processing" } as const;

test("a key is found by an alias until the alias is deleted", async () => {
  await using gateway = await startTestGateway();
  const { aliases, keys } = gateway.clients;
  const keyId = await createKeyId(gateway);
  const { alias } = await gateway.call(aliases, "createAlias", { keyId, alias: "orders" });
  expect(alias).toMatchObject({ keyId, alias: "orders" });
  expect(alias?.createTime).toBeInstanceOf(Date);
  expect((await gateway.call(keys, "getKey", { keyId: "orders" })).key?.id).toBe(keyId);

  const other = await createKeyId(gateway);
  expect(
    await gateway.failure(aliases, "createAlias", { keyId: other, alias: "orders" }),
  ).toMatchObject({ code: "ALREADY_EXISTS", reason: "RESOURCE_EXISTS" });
  await gateway.call(aliases, "deleteAlias", { keyId, alias: "orders" });
  expect(await gateway.failure(keys, "getKey", { keyId: "orders" })).toMatchObject({
    reason: "KEY_NOT_FOUND",
  });
  expect(await gateway.failure(aliases, "deleteAlias", { keyId, alias: "orders" })).toMatchObject({
    code: "NOT_FOUND",
    reason: "ALIAS_NOT_FOUND",
  });
  await gateway.call(aliases, "deleteAlias", { keyId, alias: "orders", allowMissing: true });
});

test("CreateAlias succeeds if the answer to its first attempt is lost, unless another key has the alias", async () => {
  await using gateway = await startTestGateway();
  const { aliases } = gateway.clients;
  const keyId = await createKeyId(gateway);
  gateway.emulator.faults.add({
    match: { path: `/api/v2/keys/${keyId}/aliases/orders` },
    action: lost,
    times: 1,
  });
  const { alias } = await gateway.call(aliases, "createAlias", { keyId, alias: "orders" });
  expect(alias).toMatchObject({ keyId, alias: "orders" });

  const other = await createKeyId(gateway);
  gateway.emulator.faults.add({
    match: { path: `/api/v2/keys/${other}/aliases/orders` },
    action: { kind: "reset", when: "before-processing" },
    times: 1,
  });
  expect(
    await gateway.failure(aliases, "createAlias", { keyId: other, alias: "orders" }),
  ).toMatchObject({ code: "ALREADY_EXISTS" });
});

test("a ring is listed behind default until it is deleted", async () => {
  await using gateway = await startTestGateway();
  const { keyRings } = gateway.clients;
  const created = await gateway.call(keyRings, "createKeyRing", { keyRingId: "Orders of 2026" });
  expect(created.keyRing).toEqual({ id: "Orders of 2026", createTime: undefined, createdBy: "" });
  await gateway.call(keyRings, "createKeyRing", { keyRingId: "payments" });

  const first = await gateway.call(keyRings, "listKeyRings", { pageSize: 2 });
  expect(first.keyRings).toEqual([
    { id: "default", createTime: undefined, createdBy: "" },
    expect.objectContaining({ id: "Orders of 2026", createTime: expect.any(Date) }),
  ]);
  const second = await gateway.call(keyRings, "listKeyRings", {
    pageSize: 2,
    pageToken: first.nextPageToken,
  });
  expect(second.keyRings.map(({ id }) => id)).toEqual(["payments"]);
  expect(second.nextPageToken).toBe("");

  await gateway.call(keyRings, "deleteKeyRing", { keyRingId: "payments" });
  expect(await gateway.failure(keyRings, "deleteKeyRing", { keyRingId: "payments" })).toMatchObject(
    { code: "NOT_FOUND", reason: "KEY_RING_NOT_FOUND" },
  );
  await gateway.call(keyRings, "deleteKeyRing", { keyRingId: "payments", allowMissing: true });
});

test("CreateKeyRing succeeds if the answer to its first attempt is lost", async () => {
  await using gateway = await startTestGateway();
  const { keyRings } = gateway.clients;
  gateway.emulator.faults.add({
    match: { path: "/api/v2/key_rings/orders" },
    action: lost,
    times: 1,
  });
  await gateway.call(keyRings, "createKeyRing", { keyRingId: "orders" });
  expect(await gateway.failure(keyRings, "createKeyRing", { keyRingId: "orders" })).toMatchObject({
    code: "INVALID_ARGUMENT",
    reason: "REQUEST_INVALID",
  });
});

test("a ring with keys is not deleted, and one with deleted keys by force alone", async () => {
  await using gateway = await startTestGateway();
  const { keyRings, keys } = gateway.clients;
  await gateway.call(keyRings, "createKeyRing", { keyRingId: "orders" });
  const keyId = await createKeyId(gateway, { keyRingId: "orders" });
  const notEmpty = { code: "FAILED_PRECONDITION", reason: "KEY_RING_NOT_EMPTY" };
  const request = { keyRingId: "orders", force: true };
  expect(await gateway.failure(keyRings, "deleteKeyRing", request)).toMatchObject(notEmpty);
  await gateway.call(keys, "deleteKey", deleteKeyRequest(keyId));
  expect(await gateway.failure(keyRings, "deleteKeyRing", { keyRingId: "orders" })).toMatchObject(
    notEmpty,
  );
  await gateway.call(keyRings, "deleteKeyRing", request);
});

const bucket = (name: string): string =>
  `crn:v1:bluemix:public:cloud-object-storage:global:a/1:2:bucket:${name}`;

test("registrations are listed for one key, for all keys, and by resource", async () => {
  await using gateway = await startTestGateway();
  const { registrations } = gateway.clients;
  const [first, second] = [await createKeyId(gateway), await createKeyId(gateway)];
  gateway.emulator.register({ keyId: first, resourceCrn: bucket("a") });
  gateway.emulator.register({ keyId: first, resourceCrn: bucket("b"), preventsDeletion: true });
  gateway.emulator.register({ keyId: second, resourceCrn: bucket("a") });
  const listed = async (request: object): Promise<string[]> => {
    const page = await gateway.call(registrations, "listRegistrations", request);
    return page.registrations.map(({ resourceCrn }) => resourceCrn.slice(-1));
  };

  expect(await listed({ keyId: first })).toEqual(["a", "b"]);
  expect((await listed({})).toSorted()).toEqual(["a", "a", "b"]);
  expect(await listed({ resourceCrnPattern: "crn:v1:*:bucket:b" })).toEqual(["b"]);
  expect(await listed({ keyId: first, preventsKeyDeletion: true })).toEqual(["b"]);
  expect(await listed({ keyId: first, preventsKeyDeletion: false })).toEqual(["a"]);

  const page = await gateway.call(registrations, "listRegistrations", { pageSize: 2 });
  expect(page.registrations[0]).toMatchObject({ keyVersion: {}, createTime: expect.any(Date) });
  const rest = await gateway.call(registrations, "listRegistrations", {
    pageSize: 2,
    pageToken: page.nextPageToken,
  });
  expect([page.registrations.length, rest.registrations.length, rest.nextPageToken]).toEqual([
    2,
    1,
    "",
  ]);
});

test("all violations of a ring, an alias and a registration are reported", async () => {
  await using gateway = await startTestGateway();
  const { aliases, keyRings, registrations } = gateway.clients;
  const found = [
    await gateway.failure(aliases, "createAlias", { keyId: "", alias: "keys" }),
    await gateway.failure(keyRings, "createKeyRing", { keyRingId: "" }),
    await gateway.failure(registrations, "listRegistrations", {
      keyId: "a",
      resourceCrnPattern: "a".repeat(513),
      pageSize: -1,
    }),
  ].map(({ badRequest }) =>
    badRequest?.fieldViolations.map(({ field, reason }) => `${field} ${reason}`),
  );
  expect(found).toEqual([
    ["key_id REQUIRED", "alias RESERVED_WORD"],
    ["key_ring_id REQUIRED"],
    ["key_id FORMAT_INVALID", "resource_crn_pattern TOO_LONG", "page_size OUT_OF_RANGE"],
  ]);
});

test("an instance of the 2019 API has no rings, aliases and registrations, and is asked for none", async () => {
  await using gateway = await startTestGateway({ dialect: "2019" });
  const { aliases, keyRings, registrations } = gateway.clients;
  const keyId = "11111111-2222-4333-8444-555555555555";
  for (const failure of [
    await gateway.failure(aliases, "createAlias", { keyId, alias: "orders" }),
    await gateway.failure(aliases, "deleteAlias", { keyId, alias: "orders" }),
    await gateway.failure(keyRings, "listKeyRings", {}),
    await gateway.failure(keyRings, "createKeyRing", { keyRingId: "orders" }),
    await gateway.failure(keyRings, "deleteKeyRing", { keyRingId: "orders" }),
    await gateway.failure(registrations, "listRegistrations", {}),
  ]) {
    expect(failure).toMatchObject(unsupported);
  }
  expect(gateway.upstreamRequests()).toEqual([]);
});
