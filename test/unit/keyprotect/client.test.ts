import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createKeyProtectClient, type KeyProtectClient } from "../../../src/keyprotect/client.ts";
import type { KeyProtect } from "../../../src/service/key-protect.ts";
import { UpstreamError } from "../../../src/upstream/error.ts";
import {
  call,
  createScriptedClient,
  instanceId,
  kmipOperationsById,
  operationsById,
  keyId,
  keys,
  keyProtectErrorOf,
  policies,
  rootKey,
  toResponse,
} from "./fake-upstream.ts";
import { kmipRows } from "./operations/kmip-rows.ts";

/** Compiles only if the client has exactly the operations that the handlers need. */
const asKeyProtect = (client: KeyProtectClient): KeyProtect => client;
const operationNames: Record<keyof KeyProtect, true> & Record<keyof KeyProtectClient, true> = {
  createKey: true,
  listKeys: true,
  countKeys: true,
  getKey: true,
  getKeyMaterial: true,
  deleteKey: true,
  moveKey: true,
  changeKey: true,
  restoreKey: true,
  purgeKey: true,
  listKeyVersions: true,
  wrapKey: true,
  unwrapKey: true,
  rewrapKey: true,
  rotateKey: true,
  getKeyPolicies: true,
  replaceKeyPolicies: true,
  getInstancePolicies: true,
  replaceInstancePolicies: true,
  getPrivateEndpointPort: true,
  createAlias: true,
  deleteAlias: true,
  listKeyRings: true,
  createKeyRing: true,
  deleteKeyRing: true,
  listRegistrations: true,
  createLocker: true,
  listLockers: true,
  retrieveLocker: true,
  listKmipAdapters: true,
  createKmipAdapter: true,
  getKmipAdapter: true,
  deleteKmipAdapter: true,
  listKmipObjects: true,
  getKmipObject: true,
  deleteKmipObject: true,
  listKmipCertificates: true,
  addKmipCertificate: true,
  getKmipCertificate: true,
  deleteKmipCertificate: true,
};

test("the client has exactly the operations that the handlers need", () => {
  const keyProtect = asKeyProtect(createScriptedClient("current").client);
  expect(Object.keys(keyProtect).toSorted()).toEqual(Object.keys(operationNames).toSorted());
});

test("a client without onAnomaly ignores anomalies", async () => {
  const client = createKeyProtectClient({
    send: async () => toResponse({ status: 200, body: keys({ ...rootKey, creationDate: "?" }) }),
    dialect: "current",
    instanceId,
  });
  expect((await client.getKey(call, keyId)).creationDate).toBeUndefined();
});

test("the body of an action is JSON with exactly the given values", async () => {
  const anyBytes = fc.uint8Array({ minLength: 1, maxLength: 4_096 });
  const anyAad = fc.array(fc.string({ unit: "binary" }), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(anyBytes, anyAad, async (bytes, aad) => {
      const given = Buffer.from(bytes);
      const { client, sent } = createScriptedClient(
        "current",
        { status: 200, body: { ciphertext: "YWFh" } },
        { status: 200, body: { plaintext: "YWFh" } },
      );
      await client.wrapKey(call, keyId, { plaintext: given, aad });
      await client.unwrapKey(call, keyId, { ciphertext: given, aad });
      const base64 = given.toString("base64");
      const aadField = aad.length === 0 ? {} : { aad };
      expect(sent.map(({ body }) => JSON.parse(String(body)) as unknown)).toStrictEqual([
        { plaintext: base64, ...aadField },
        { ciphertext: base64, ...aadField },
      ]);
    }),
  );
});

test("an error of the upstream pipeline is passed on unchanged", async () => {
  const error = new UpstreamError("CIRCUIT_OPEN", "open");
  const client = createKeyProtectClient({
    send: () => Promise.reject(error),
    dialect: "current",
    instanceId,
  });
  await expect(client.countKeys(call)).rejects.toBe(error);
});

test.each([...operationsById, ...kmipOperationsById])(
  "$name rejects, and does not throw, when the ID names nothing",
  async ({ ask }) => {
    for (const id of ["", ".", "..", "\ud800"]) {
      const { client, sent } = createScriptedClient("2019");
      const error = await keyProtectErrorOf(ask(client, id));
      expect(error).toMatchObject({ code: "REJECTED", httpStatus: 404 });
      expect(sent).toEqual([]);
    }
  },
);

test.each([...operationsById, ...kmipOperationsById])(
  "$name encodes the ID as one path segment",
  async ({ ask }) => {
    const { client, sent } = createScriptedClient("current", { status: 404 });
    await keyProtectErrorOf(ask(client, "a/../b?c=d#e%2f é"));
    expect(sent[0]?.path).not.toContain("/../");
    // The path of the import token contains no ID.
    if (sent[0]?.path !== "/api/v2/import_token") {
      expect(sent[0]?.path).toContain("/a%2F..%2Fb%3Fc%3Dd%23e%252f%20%C3%A9");
    }
  },
);

test("a policy update with status 204 leaves the policies unknown", async () => {
  const { client, sent } = createScriptedClient("2019", { status: 204 });
  const changes = [{ kind: "rotation", intervalMonths: 4 }] as const;
  const replaced = await client.replaceKeyPolicies(call, keyId, changes);
  expect(replaced).toEqual({ policies: [], isComplete: false });
  expect(sent.map(({ method }) => method)).toEqual(["PUT"]);
});

test.each([
  ["2019", ["rotation"], ["rotation"], true],
  ["2019", ["rotation"], [], false],
  ["current", ["rotation"], ["rotation"], false],
  ["current", ["dualAuthDelete"], ["dualAuthDelete"], false],
  ["current", ["rotation"], ["rotation", "dualAuthDelete"], true],
  ["current", ["rotation", "dualAuthDelete"], ["rotation", "dualAuthDelete"], true],
  ["current", ["rotation", "dualAuthDelete"], ["rotation"], false],
  ["current", ["rotation"], ["rotation", "quantum"], false],
] as const)(
  "a policy update in the %s dialect that puts %j and is answered %j is complete: %s",
  async (dialect, kinds, answered, isComplete) => {
    const contents = {
      rotation: { rotation: { interval_month: 4 } },
      dualAuthDelete: { dualAuthDelete: { enabled: true } },
      quantum: { quantum: { enabled: true } },
    };
    const body = policies(...answered.map((kind) => contents[kind]));
    const { client, sent } = createScriptedClient(dialect, { status: 200, body });
    const replaced = await client.replaceKeyPolicies(
      call,
      keyId,
      kinds.map((kind) =>
        kind === "rotation" ? { kind, intervalMonths: 4 } : { kind, enabled: true },
      ),
    );
    expect(replaced.isComplete).toBe(isComplete);
    expect(replaced.policies).toHaveLength(answered.length);
    expect(sent.map(({ method }) => method)).toEqual(["PUT"]);
  },
);

test.each([
  ["2019", (client: KeyProtectClient) => client.rotateKey(call, keyId, encrypted("nonce"))],
  ["current", (client: KeyProtectClient) => client.rotateKey(call, keyId, encrypted("token"))],
  [
    "current",
    (client: KeyProtectClient) => client.rotateKey(call, keyId, encrypted("nonce without iv")),
  ],
  [
    "2019",
    (client: KeyProtectClient) =>
      client.replaceKeyPolicies(call, keyId, [{ kind: "dualAuthDelete", enabled: true }]),
  ],
  [
    "2019",
    (client: KeyProtectClient) =>
      client.replaceKeyPolicies(call, keyId, [
        { kind: "rotation", enabled: false, intervalMonths: 4 },
      ]),
  ],
  [
    "2019",
    (client: KeyProtectClient) =>
      client.replaceKeyPolicies(call, keyId, [
        { kind: "rotation", enabled: true, intervalMonths: undefined },
      ]),
  ],
  ["current", (client: KeyProtectClient) => client.listLockers(call)],
  [
    "2019",
    (client: KeyProtectClient) =>
      client.rewrapKey(call, keyId, { ciphertext: Buffer.from("x"), aad: [] }),
  ],
  ["2019", (client: KeyProtectClient) => client.moveKey(call, keyId, "orders")],
  [
    "2019",
    (client: KeyProtectClient) =>
      client.listKeys(call, { limit: 1, offset: 0, query: { states: [5] } }),
  ],
  ["2019", (client: KeyProtectClient) => client.getKeyPolicies(call, keyId, "dualAuthDelete")],
  ["2019", (client: KeyProtectClient) => client.getInstancePolicies(call)],
  [
    "2019",
    (client: KeyProtectClient) =>
      client.replaceInstancePolicies(call, [{ enabled: false, content: { kind: "metrics" } }]),
  ],
  ["2019", (client: KeyProtectClient) => client.getPrivateEndpointPort(call)],
  ["2019", (client: KeyProtectClient) => client.createAlias(call, keyId, "orders")],
  ["2019", (client: KeyProtectClient) => client.deleteAlias(call, keyId, "orders")],
  ["2019", (client: KeyProtectClient) => client.listKeyRings(call, { limit: 1, offset: 0 })],
  ["2019", (client: KeyProtectClient) => client.createKeyRing(call, "orders")],
  ["2019", (client: KeyProtectClient) => client.deleteKeyRing(call, "orders", false)],
  ["2019", (client: KeyProtectClient) => client.listRegistrations(call, { limit: 1, offset: 0 })],
  ["2019", (client: KeyProtectClient) => client.countKeys(call, { filter: "state=5" })],
  ["2019", (client: KeyProtectClient) => client.changeKey(call, keyId, "disable")],
  ["2019", (client: KeyProtectClient) => client.restoreKey(call, keyId, "minimal")],
  ["2019", (client: KeyProtectClient) => client.purgeKey(call, keyId)],
  [
    "2019",
    (client: KeyProtectClient) => client.listKeyVersions(call, keyId, { limit: 2, offset: 0 }),
  ],
  ["2019", (client: KeyProtectClient) => client.getKey({ ...call, keyRing: "orders" }, keyId)],
  ...kmipRows.map(({ ask }) => ["2019", ask] as const),
] as const)(
  "the %s dialect refuses what it does not have, sending nothing",
  async (dialect, ask) => {
    const { client, sent } = createScriptedClient(dialect);
    expect((await keyProtectErrorOf(ask(client))).code).toBe("UNSUPPORTED");
    expect(sent).toEqual([]);
  },
);

function encrypted(proof: "token" | "nonce" | "nonce without iv") {
  return {
    kind: "encrypted",
    payload: Buffer.alloc(512),
    encryptionAlgorithm: "RSAES_OAEP_SHA_256",
    importToken: proof === "token" ? "token" : undefined,
    encryptedNonce: proof === "token" ? undefined : Buffer.alloc(28),
    iv: proof === "nonce" ? Buffer.alloc(12) : undefined,
  } as const;
}
