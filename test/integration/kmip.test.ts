/** KMIP adapters, objects and certificates, from the client to the emulator and back. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KmipObjectState } from "../../src/gen/keyprotect/kmip/v1/kmip_objects_service.ts";
import { rpcTable } from "../../src/rpc-table.ts";
import { createCertificateAuthority } from "../support/certificates.ts";
import { goldenRequests, wireClient, type RpcName } from "../support/golden-requests.ts";
import { createKeyId } from "../support/requests.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";

const authority = createCertificateAuthority();
const lost = { kind: "reset", when: "after-processing" } as const;
const notSent = { kind: "reset", when: "before-processing" } as const;

/** Creates a root key and an adapter with the name, and returns the ID of both. */
async function createAdapter(
  gateway: TestGateway,
  name: string,
): Promise<{ rootKeyId: string; id: string }> {
  const rootKeyId = await createKeyId(gateway);
  const request = { name, rootKeyId };
  const { adapter } = await gateway.call(gateway.clients.kmipAdapters, "createAdapter", request);
  return { rootKeyId, id: adapter?.id ?? expect.fail("no adapter") };
}

test("an adapter is found by ID and by name until it is deleted", async () => {
  await using gateway = await startTestGateway();
  const { kmipAdapters } = gateway.clients;
  const rootKeyId = await createKeyId(gateway);
  const { adapter } = await gateway.call(kmipAdapters, "createAdapter", {
    name: "vmware",
    description: "the cluster in Dallas",
    rootKeyId,
  });
  expect(adapter).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    name: "vmware",
    description: "the cluster in Dallas",
    profile: "native_1.0",
    rootKeyId,
    createTime: expect.any(Date),
    createdBy: expect.stringMatching(/./),
    updateTime: expect.any(Date),
    updatedBy: expect.stringMatching(/./),
  });
  for (const name of ["vmware", adapter?.id ?? ""]) {
    expect(await gateway.call(kmipAdapters, "getAdapter", { adapter: name })).toEqual({ adapter });
  }
  const again = { name: "vmware", rootKeyId };
  expect(await gateway.failure(kmipAdapters, "createAdapter", again)).toMatchObject({
    code: "ALREADY_EXISTS",
    reason: "RESOURCE_EXISTS",
    resourceInfo: { resourceType: "keyprotect.kmip.v1.KmipAdapter", resourceName: "vmware" },
  });
  await gateway.call(kmipAdapters, "deleteAdapter", { adapter: "vmware" });
  const missing = { code: "NOT_FOUND", reason: "KMIP_ADAPTER_NOT_FOUND" };
  expect(await gateway.failure(kmipAdapters, "getAdapter", { adapter: "vmware" })).toMatchObject(
    missing,
  );
  expect(await gateway.failure(kmipAdapters, "deleteAdapter", { adapter: "vmware" })).toMatchObject(
    missing,
  );
  await gateway.call(kmipAdapters, "deleteAdapter", { adapter: "vmware", allowMissing: true });
});

test("the root key of an adapter is named by ID, alias or CRN, and has to be a usable root key", async () => {
  await using gateway = await startTestGateway();
  const { kmipAdapters, keys, aliases } = gateway.clients;
  const rootKeyId = await createKeyId(gateway);
  await gateway.call(aliases, "createAlias", { keyId: rootKeyId, alias: "orders" });
  const { key } = await gateway.call(keys, "getKey", { keyId: rootKeyId });
  for (const name of [rootKeyId, "orders", key?.crn ?? ""]) {
    const { adapter } = await gateway.call(kmipAdapters, "createAdapter", { rootKeyId: name });
    expect(adapter).toMatchObject({ rootKeyId, name: expect.stringMatching(/^kmip_adapter_/) });
  }
  const byCrn = { rootKeyId: key?.crn ?? "" };
  expect((await gateway.call(kmipAdapters, "listAdapters", byCrn)).adapters).toHaveLength(3);

  const absent = "0f5c2f0e-6f0a-4a55-9d0b-0d6f4f4f2a11";
  expect(await gateway.failure(kmipAdapters, "createAdapter", { rootKeyId: absent })).toMatchObject(
    { code: "NOT_FOUND", reason: "KEY_NOT_FOUND" },
  );
  const expiring = await createKeyId(gateway, { expireTime: new Date(Date.now() + 86_400_000) });
  expect(
    await gateway.failure(kmipAdapters, "createAdapter", { rootKeyId: expiring }),
  ).toMatchObject({
    code: "INVALID_ARGUMENT",
    reason: "KEY_TYPE_MISMATCH",
    badRequest: { fieldViolations: [{ field: "root_key_id" }] },
  });
  await gateway.call(kmipAdapters, "createAdapter", {
    rootKeyId: expiring,
    allowExpiringKey: true,
  });
});

test("adapters are listed page by page, all of them or those of one root key", async () => {
  await using gateway = await startTestGateway();
  const { kmipAdapters } = gateway.clients;
  const { rootKeyId } = await createAdapter(gateway, "first");
  for (const name of ["second", "third"]) {
    // oxlint-disable-next-line no-await-in-loop -- the order of creation is that of the list
    await gateway.call(kmipAdapters, "createAdapter", { name, rootKeyId });
  }
  await createAdapter(gateway, "other");
  const first = await gateway.call(kmipAdapters, "listAdapters", { rootKeyId, pageSize: 2 });
  expect(first.adapters).toHaveLength(2);
  const pageToken = first.nextPageToken;
  const second = await gateway.call(kmipAdapters, "listAdapters", {
    rootKeyId,
    pageSize: 2,
    pageToken,
  });
  expect([second.adapters.length, second.nextPageToken]).toEqual([1, ""]);
  const found = [...first.adapters, ...second.adapters].map(({ name }) => name);
  expect(found.toSorted()).toEqual(["first", "second", "third"]);
  expect((await gateway.call(kmipAdapters, "listAdapters", {})).adapters).toHaveLength(4);
  expect(
    await gateway.failure(kmipAdapters, "listAdapters", { pageSize: 2, pageToken }),
  ).toMatchObject({ code: "INVALID_ARGUMENT", reason: "PAGE_TOKEN_INVALID" });
});

test("200 adapters, the most that there can be, are one page of any size above, and many small ones", async () => {
  await using gateway = await startTestGateway();
  const { kmipAdapters } = gateway.clients;
  const rootKeyId = await createKeyId(gateway);
  await Promise.all(
    Array.from({ length: 200 }, () =>
      gateway.call(kmipAdapters, "createAdapter", { rootKeyId }, { deadline: Date.now() + 60_000 }),
    ),
  );
  for (const pageSize of [0, 200, 1_000, 2 ** 31 - 1]) {
    // oxlint-disable-next-line no-await-in-loop -- one page at a time
    const page = await gateway.call(kmipAdapters, "listAdapters", { pageSize });
    expect([page.adapters.length, page.nextPageToken]).toEqual([200, ""]);
  }
  const seen: string[] = [];
  let pageToken = "";
  do {
    // oxlint-disable-next-line no-await-in-loop -- each page names the next one
    const page = await gateway.call(kmipAdapters, "listAdapters", { pageSize: 67, pageToken });
    seen.push(...page.adapters.map(({ id }) => id));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect([seen.length, new Set(seen).size]).toEqual([200, 200]);
}, 60_000);

test("a certificate is added by its PEM text, listed without it, and found by ID and by name", async () => {
  await using gateway = await startTestGateway();
  const { kmipCertificates } = gateway.clients;
  await createAdapter(gateway, "vmware");
  const { cert, key } = authority.issue({ commonName: "esx-1" });
  gateway.secrets.markText(key);
  const request = { adapter: "vmware", name: "esx-1", certificatePem: cert };
  const { certificate } = await gateway.call(kmipCertificates, "addCertificate", request);
  expect(certificate).toMatchObject({
    name: "esx-1",
    certificatePem: cert,
    createTime: expect.any(Date),
  });
  const unnamed = await gateway.call(kmipCertificates, "addCertificate", {
    adapter: "vmware",
    certificatePem: authority.issue().cert,
  });
  expect(unnamed.certificate?.name).toMatch(/^kmip_cert_/);
  for (const name of ["esx-1", certificate?.id ?? ""]) {
    expect(
      await gateway.call(kmipCertificates, "getCertificate", {
        adapter: "vmware",
        certificate: name,
      }),
    ).toEqual({ certificate });
  }
  const list = await gateway.call(kmipCertificates, "listCertificates", { adapter: "vmware" });
  expect(list.nextPageToken).toBe("");
  expect(list.certificates).toEqual([
    { ...certificate, certificatePem: "" },
    { ...unnamed.certificate, certificatePem: "" },
  ]);

  const named = { adapter: "vmware", certificate: "esx-1" };
  await gateway.call(kmipCertificates, "deleteCertificate", named);
  const missing = { code: "NOT_FOUND", reason: "KMIP_CERTIFICATE_NOT_FOUND" };
  expect(await gateway.failure(kmipCertificates, "getCertificate", named)).toMatchObject(missing);
  expect(await gateway.failure(kmipCertificates, "deleteCertificate", named)).toMatchObject(
    missing,
  );
  await gateway.call(kmipCertificates, "deleteCertificate", { ...named, allowMissing: true });

  // The PEM text is no secret, but no log line repeats it.
  const [someBase64 = ""] = /^[A-Za-z0-9+/]{64}$/m.exec(cert) ?? [];
  expect(someBase64).not.toBe("");
  expect(JSON.stringify(gateway.log())).not.toContain(someBase64);
});

test("a certificate is in one adapter of the region at most, and its name in an adapter is unique", async () => {
  await using gateway = await startTestGateway();
  const { kmipCertificates } = gateway.clients;
  await createAdapter(gateway, "vmware");
  await createAdapter(gateway, "another");
  const { cert } = authority.issue();
  const good = { adapter: "vmware", name: "esx-1", certificatePem: cert };
  await gateway.call(kmipCertificates, "addCertificate", good);
  for (const [change, upstreamReason] of [
    [{ certificatePem: authority.issue().cert }, "KMIP_CERT_DUPLICATE_NAME_ERR"],
    [{ name: "esx-2" }, "KMIP_CERT_DUPLICATE_ERR"],
    [{ adapter: "another" }, "KMIP_CERT_REUSE_ERR"],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- one call at a time
    const failure = await gateway.failure(kmipCertificates, "addCertificate", {
      ...good,
      ...change,
    });
    expect(failure).toMatchObject({
      code: "ALREADY_EXISTS",
      reason: "RESOURCE_EXISTS",
      errorInfo: { metadata: { upstreamReason, mayHaveExecuted: "false" } },
    });
  }
});

test("a private key in a request reaches neither Key Protect nor a log line nor the answer", async () => {
  await using gateway = await startTestGateway();
  const { kmipCertificates } = gateway.clients;
  await createAdapter(gateway, "vmware");
  const { cert, key } = authority.issue();
  for (const line of key.split("\n").filter((text) => text.length > 32)) {
    gateway.secrets.markText(line);
  }
  gateway.emulator.requests.clear();
  for (const certificatePem of [`${cert}${key}`, `${key}${cert}`, key]) {
    // oxlint-disable-next-line no-await-in-loop -- one call at a time
    const failure = await gateway.failure(kmipCertificates, "addCertificate", {
      adapter: "vmware",
      certificatePem,
    });
    expect(failure).toMatchObject({ code: "INVALID_ARGUMENT", reason: "REQUEST_INVALID" });
    expect(failure.badRequest?.fieldViolations).toMatchObject([
      { field: "certificate_pem", reason: "PRIVATE_KEY_FORBIDDEN" },
    ]);
  }
  expect(gateway.upstreamRequests()).toEqual([]);
});

describe("objects", () => {
  test("objects are listed by state and page, and those that are destroyed only if asked for", async () => {
    await using gateway = await startTestGateway();
    const { kmipObjects } = gateway.clients;
    await createAdapter(gateway, "vmware");
    for (const state of [1, 2, 2, 3, 4, 5, 6]) {
      gateway.emulator.plantKmipObject({ adapter: "vmware", state });
    }
    const { PRE_ACTIVE, ACTIVE, DEACTIVATED, COMPROMISED, DESTROYED, DESTROYED_COMPROMISED } =
      KmipObjectState;
    const statesOf = async (states: readonly KmipObjectState[]): Promise<number[]> => {
      const request = { adapter: "vmware", states: [...states] };
      const { objects } = await gateway.call(kmipObjects, "listObjects", request);
      return objects.map(({ state }) => state).toSorted((a, b) => a - b);
    };
    expect(await statesOf([])).toEqual([PRE_ACTIVE, ACTIVE, ACTIVE, DEACTIVATED, COMPROMISED]);
    expect(await statesOf([DESTROYED, DESTROYED_COMPROMISED])).toEqual([5, 6]);
    expect(await statesOf([ACTIVE])).toEqual([ACTIVE, ACTIVE]);

    const query = { adapter: "vmware", states: [PRE_ACTIVE, ACTIVE], pageSize: 2 };
    const first = await gateway.call(kmipObjects, "listObjects", query);
    const pageToken = first.nextPageToken;
    const second = await gateway.call(kmipObjects, "listObjects", { ...query, pageToken });
    expect([first.objects.length, second.objects.length, second.nextPageToken]).toEqual([2, 1, ""]);
    for (const other of [{ states: [ACTIVE] }, { adapter: "another" }]) {
      // oxlint-disable-next-line no-await-in-loop -- one call at a time
      const failure = await gateway.failure(kmipObjects, "listObjects", {
        ...query,
        ...other,
        pageToken,
      });
      expect(failure.reason).toBe("PAGE_TOKEN_INVALID");
    }
  });

  test("an object tells who made it and with which certificate", async () => {
    await using gateway = await startTestGateway();
    const { kmipCertificates, kmipObjects } = gateway.clients;
    await createAdapter(gateway, "vmware");
    const { certificate } = await gateway.call(kmipCertificates, "addCertificate", {
      adapter: "vmware",
      certificatePem: authority.issue().cert,
    });
    const objectId = gateway.emulator.plantKmipObject({ adapter: "vmware", recoverable: false });
    const { object } = await gateway.call(kmipObjects, "getObject", {
      adapter: "vmware",
      objectId,
    });
    expect(object).toMatchObject({
      id: objectId,
      objectType: 2,
      state: KmipObjectState.ACTIVE,
      createTime: expect.any(Date),
      createdByCertificateId: certificate?.id,
      createdBy: certificate?.createdBy,
      destroyTime: undefined,
      destroyedBy: "",
      recoverable: false,
    });
  });

  test("an active object is deleted by force alone, and stays as a destroyed one", async () => {
    await using gateway = await startTestGateway();
    const { kmipAdapters, kmipObjects } = gateway.clients;
    await createAdapter(gateway, "vmware");
    const objectId = gateway.emulator.plantKmipObject({ adapter: "vmware" });
    const request = { adapter: "vmware", objectId };
    expect(await gateway.failure(kmipObjects, "deleteObject", request)).toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "KEY_STATE_INVALID",
      preconditionFailure: { violations: [{ type: "KMIP_OBJECT_STATE" }] },
    });
    expect(
      await gateway.failure(kmipAdapters, "deleteAdapter", { adapter: "vmware" }),
    ).toMatchObject({ code: "FAILED_PRECONDITION", reason: "KMIP_ADAPTER_NOT_EMPTY" });
    await gateway.call(kmipObjects, "deleteObject", { ...request, force: true });
    const { object } = await gateway.call(kmipObjects, "getObject", request);
    expect(object).toMatchObject({
      state: KmipObjectState.DESTROYED,
      destroyTime: expect.any(Date),
      destroyedByCertificateId: "",
    });
    expect(await gateway.failure(kmipObjects, "deleteObject", request)).toMatchObject({
      code: "NOT_FOUND",
      reason: "KMIP_OBJECT_NOT_FOUND",
    });
    await gateway.call(kmipObjects, "deleteObject", { ...request, allowMissing: true });
    await gateway.call(kmipAdapters, "deleteAdapter", { adapter: "vmware" });
  });

  test("DeleteObject with allow_missing succeeds for an object that Key Protect calls destroyed by a 409, and not for an active one", async () => {
    await using gateway = await startTestGateway();
    const { kmipObjects } = gateway.clients;
    await createAdapter(gateway, "vmware");
    const conflict = {
      kind: "respond",
      status: 409,
      body: { resources: [{ errorMsg: "Conflict" }] },
    } as const;
    const outcomes: string[] = [];
    for (const state of [5, 2]) {
      const objectId = gateway.emulator.plantKmipObject({ adapter: "vmware", state });
      gateway.emulator.faults.add({ match: { method: "DELETE" }, action: conflict, times: 1 });
      // oxlint-disable-next-line no-await-in-loop -- one call at a time
      const { error } = await gateway.outcome(kmipObjects, "deleteObject", {
        adapter: "vmware",
        objectId,
        allowMissing: true,
      });
      outcomes.push(error === null ? "OK" : error.details);
    }
    expect(outcomes).toEqual(["OK", expect.stringContaining("revoke it through KMIP first")]);
  });
});

describe("lost answers", () => {
  test("a deletion whose answer is lost counts as done", async () => {
    await using gateway = await startTestGateway();
    const { kmipAdapters, kmipCertificates, kmipObjects } = gateway.clients;
    await createAdapter(gateway, "vmware");
    const { certificate } = await gateway.call(kmipCertificates, "addCertificate", {
      adapter: "vmware",
      certificatePem: authority.issue().cert,
    });
    const objectId = gateway.emulator.plantKmipObject({ adapter: "vmware", state: 3 });
    const loseNext = (): void => {
      gateway.emulator.faults.add({ match: { method: "DELETE" }, action: lost, times: 1 });
    };
    loseNext();
    await gateway.call(kmipObjects, "deleteObject", { adapter: "vmware", objectId });
    loseNext();
    await gateway.call(kmipCertificates, "deleteCertificate", {
      adapter: "vmware",
      certificate: certificate?.id ?? "",
    });
    loseNext();
    await gateway.call(kmipAdapters, "deleteAdapter", { adapter: "vmware" });
    expect(gateway.upstreamRequests().filter((line) => line.startsWith("DELETE"))).toHaveLength(6);
  });

  test("a creation whose answer is lost is not repeated, and its outcome is unknown", async () => {
    await using gateway = await startTestGateway();
    const { kmipAdapters, kmipCertificates } = gateway.clients;
    const { rootKeyId } = await createAdapter(gateway, "vmware");
    gateway.emulator.requests.clear();
    const unknown = {
      code: "UNKNOWN",
      reason: "OUTCOME_UNKNOWN",
      errorInfo: { metadata: { mayHaveExecuted: "true", attempts: "1" } },
    };
    gateway.emulator.faults.add({ match: { method: "POST" }, action: lost, times: 2 });
    expect(
      await gateway.failure(kmipAdapters, "createAdapter", { name: "second", rootKeyId }),
    ).toMatchObject(unknown);
    const request = {
      adapter: "vmware",
      name: "esx-1",
      certificatePem: authority.issue().cert,
    };
    expect(await gateway.failure(kmipCertificates, "addCertificate", request)).toMatchObject(
      unknown,
    );
    // Looking shows that both happened.
    await gateway.call(kmipAdapters, "getAdapter", { adapter: "second" });
    const named = { adapter: "vmware", certificate: "esx-1" };
    await gateway.call(kmipCertificates, "getCertificate", named);
    expect(gateway.upstreamRequests().filter((line) => line.startsWith("POST"))).toHaveLength(2);
  });

  test("a read whose connection breaks is repeated", async () => {
    await using gateway = await startTestGateway();
    const { kmipAdapters } = gateway.clients;
    await createAdapter(gateway, "vmware");
    gateway.emulator.faults.add({ match: { method: "GET" }, action: notSent, times: 1 });
    await gateway.call(kmipAdapters, "getAdapter", { adapter: "vmware" });
  });
});

const isRpcName = (name: string): name is RpcName => Object.hasOwn(goldenRequests, name);

describe("an instance of the 2019 API", () => {
  let gateway: TestGateway | undefined;
  beforeAll(async () => {
    gateway = await startTestGateway({ dialect: "2019" });
  });
  afterAll(async () => gateway?.[Symbol.asyncDispose]());

  const names = rpcTable
    .filter(({ service }) => service.startsWith("keyprotect.kmip."))
    .map(({ method }) => method)
    .filter(isRpcName);

  test("all eleven RPCs of KMIP are asked", () => {
    expect(names).toHaveLength(11);
  });

  test.each(names)("an instance of the 2019 API is not asked for %s", async (name) => {
    if (gateway === undefined) throw new Error("no gateway");
    const { path, message } = goldenRequests[name]();
    const client = wireClient(gateway.clients.keys, path);
    expect(await gateway.failure(client, "send", message)).toMatchObject({
      code: "UNIMPLEMENTED",
      reason: "OPERATION_UNSUPPORTED",
      errorInfo: { metadata: { attempts: "0" } },
    });
    expect(gateway.upstreamRequests()).toEqual([]);
  });
});

test("x-kp-key-ring has no meaning for KMIP, and the metric of calls names the package", async () => {
  await using gateway = await startTestGateway();
  const { kmipAdapters } = gateway.clients;
  await createAdapter(gateway, "vmware");
  // Neither the ID of a ring that does not exist nor a text that is none makes a difference.
  for (const ring of ["nowhere", "?"]) {
    const metadata = { "x-kp-key-ring": ring };
    // oxlint-disable-next-line no-await-in-loop -- one call at a time
    await gateway.call(kmipAdapters, "getAdapter", { adapter: "vmware" }, { metadata });
  }
  expect(await gateway.metrics()).toContain(
    'grpc_service="keyprotect.kmip.v1.KmipAdaptersService",grpc_method="GetAdapter"',
  );
});
