import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { importTokenId } from "../../../../src/keyprotect/dialects/dialect-current.ts";
import type { CreateKeyParams } from "../../../../src/keyprotect/resources.ts";
import {
  call,
  callInRing,
  correlationId,
  createScriptedClient,
  decodedRootKey,
  instanceId,
  keyId,
  keys,
  lockerId,
  otherKeyId,
  policies,
  rootKey,
} from "../fake-upstream.ts";
import { kmipRows } from "./kmip-rows.ts";
import type { RequestRow } from "./request-row.ts";

const b64 = (bytes: Buffer) => bytes.toString("base64");
const keyType = "application/vnd.ibm.kms.key+json";
const collectionType = "application/vnd.ibm.collection+json";
const actionType = "application/vnd.ibm.kms.key_action+json";
const policyType = "application/vnd.ibm.kms.policy+json";
const allowedIpType = "application/vnd.ibm.kms.allowed_ip_metadata+json";
const lockerMetadataType = "application/vnd.ibm.kms.locker_metadata+json";
const lockerType = "application/vnd.ibm.kms.locker+json";
const importTokenType = "application/vnd.ibm.kms.import_token+json";
const small = 65_536;
const list = 8_388_608;

const plaintext = Buffer.from("a 32-byte data key for the tests");
const wrapped = Buffer.from('{"ciphertext":"opaque"}');
const rewrapped = Buffer.from('{"ciphertext":"newer"}');
const nonce = Buffer.alloc(12, 7);
const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const der = publicKey.export({ type: "spki", format: "der" });
const pem = Buffer.from(publicKey.export({ type: "spki", format: "pem" }));

const lockerMetadata = {
  creationDate: "2026-01-02T03:04:05Z",
  expirationDate: "2026-01-02T03:14:05Z",
  maxAllowedRetrievals: 2,
  remainingRetrievals: 1,
};
const decodedLocker = {
  creationDate: new Date("2026-01-02T03:04:05Z"),
  expirationDate: new Date("2026-01-02T03:14:05Z"),
  maxAllowedRetrievals: 2,
  remainingRetrievals: 1,
};
const derivedId = importTokenId(instanceId, lockerMetadata.creationDate);

const create: CreateKeyParams = {
  name: "demo",
  description: undefined,
  tags: [],
  expirationDate: undefined,
  extractable: false,
  material: undefined,
  aliases: [],
  policyOverrides: undefined,
  prefer: "minimal",
};
const encrypted = {
  kind: "encrypted",
  payload: Buffer.alloc(512, 1),
  encryptionAlgorithm: "RSAES_OAEP_SHA_256",
  importToken: "opaque token",
  encryptedNonce: Buffer.alloc(28, 2),
  iv: Buffer.alloc(12, 3),
} as const;

const createBody = (fields: object) => ({
  metadata: { collectionType: keyType, collectionTotal: 1 },
  resources: [{ type: keyType, name: "demo", extractable: false, ...fields }],
});
const policyBody = (...resources: object[]) => ({
  metadata: { collectionType: policyType, collectionTotal: resources.length },
  resources: resources.map((resource) => ({ type: policyType, ...resource })),
});
const instancePolicyBody = (...resources: (readonly [type: string, data: object])[]) => ({
  metadata: { collectionType: policyType, collectionTotal: resources.length },
  resources: resources.map(([type, data]) => ({ policy_type: type, policy_data: data })),
});

const both = ["2019", "current"] as const;

/** Operations that the 2019 API does not have. */
const currentOnly = [
  "addKmipCertificate",
  "changeKey",
  "createAlias",
  "createKeyRing",
  "createKmipAdapter",
  "deleteAlias",
  "deleteKeyRing",
  "deleteKmipAdapter",
  "deleteKmipCertificate",
  "deleteKmipObject",
  "getInstancePolicies",
  "getKmipAdapter",
  "getKmipCertificate",
  "getKmipObject",
  "getPrivateEndpointPort",
  "listKeyRings",
  "listKeyVersions",
  "listKmipAdapters",
  "listKmipCertificates",
  "listKmipObjects",
  "listRegistrations",
  "moveKey",
  "purgeKey",
  "replaceInstancePolicies",
  "restoreKey",
  "rewrapKey",
];

const table: readonly RequestRow[] = [
  {
    states: "createKey asks for generated material",
    dialects: both,
    ask: (client) => client.createKey(call, create),
    request: "POST /api/v2/keys",
    accept: keyType,
    contentType: keyType,
    prefer: "return=minimal",
    body: createBody({}),
    answer: { status: 201, body: keys(rootKey) },
    gives: decodedRootKey,
  },
  {
    states: "createKey sends every optional field and plain material",
    dialects: both,
    ask: (client) =>
      client.createKey(call, {
        name: "demo",
        description: "a key for tests",
        tags: ["blue", "green"],
        expirationDate: new Date("2030-01-02T03:04:05.999Z"),
        extractable: true,
        material: { kind: "plain", payload: Buffer.from("secret material!") },
        aliases: [],
        policyOverrides: undefined,
        prefer: "representation",
      }),
    request: "POST /api/v2/keys",
    accept: keyType,
    contentType: keyType,
    prefer: "return=representation",
    body: createBody({
      description: "a key for tests",
      tags: ["blue", "green"],
      expirationDate: "2030-01-02T03:04:05Z",
      extractable: true,
      payload: b64(Buffer.from("secret material!")),
    }),
    answer: {
      status: 201,
      body: keys({
        ...rootKey,
        extractable: true,
        payload: b64(Buffer.from("secret material!")),
      }),
    },
    gives: { ...decodedRootKey, extractable: true, payload: Buffer.from("secret material!") },
  },
  {
    states: "createKey sends encrypted material with the locker's token",
    dialects: ["2019"],
    ask: (client) => client.createKey(call, { ...create, material: encrypted }),
    request: "POST /api/v2/keys",
    accept: keyType,
    contentType: keyType,
    prefer: "return=minimal",
    body: createBody({
      payload: b64(encrypted.payload),
      encryptionAlgorithm: "RSAES_OAEP_SHA_256",
      importToken: "opaque token",
    }),
    answer: { status: 201, body: keys(rootKey) },
    gives: decodedRootKey,
  },
  {
    states: "createKey sends encrypted material with nonce and initialization vector",
    dialects: ["current"],
    ask: (client) => client.createKey(call, { ...create, material: encrypted }),
    request: "POST /api/v2/keys",
    accept: keyType,
    contentType: keyType,
    prefer: "return=minimal",
    body: createBody({
      payload: b64(encrypted.payload),
      encryptedNonce: b64(encrypted.encryptedNonce),
      iv: b64(encrypted.iv),
      encryptionAlgorithm: "RSAES_OAEP_SHA_256",
    }),
    answer: { status: 200, body: keys(rootKey) },
    gives: decodedRootKey,
  },
  {
    states: "listKeys asks for a collection",
    dialects: ["2019"],
    ask: (client) => client.listKeys(call, { limit: 5, offset: 10 }),
    request: "GET /api/v2/keys?limit=5&offset=10",
    accept: collectionType,
    maxResponseBytes: list,
    answer: {
      status: 200,
      body: { metadata: { collectionType, collectionTotal: 1 }, resources: [rootKey] },
    },
    gives: { keys: [decodedRootKey], isLast: undefined, total: undefined, isIncomplete: false },
  },
  {
    states: "listKeys asks for keys",
    dialects: ["current"],
    ask: (client) => client.listKeys(call, { limit: 1002, offset: 0 }),
    request: "GET /api/v2/keys?limit=1002&offset=0",
    accept: keyType,
    maxResponseBytes: list,
    answer: {
      status: 200,
      body: keys({ ...rootKey, extractable: true, payload: "c2VjcmV0" }, { id: otherKeyId }),
    },
    gives: {
      keys: [
        { ...decodedRootKey, extractable: true },
        expect.objectContaining({ id: otherKeyId, tags: [], payload: undefined }),
      ],
      isLast: undefined,
      total: undefined,
      isIncomplete: false,
    },
  },
  {
    states: "listKeys reads an empty collection, which omits its resources",
    dialects: both,
    ask: (client) => client.listKeys(call, { limit: 5, offset: 10 }),
    request: "GET /api/v2/keys?limit=5&offset=10",
    accept: "by dialect",
    maxResponseBytes: list,
    answer: {
      status: 200,
      body: { metadata: { collectionType: keyType, collectionTotal: 0 } },
    },
    gives: { keys: [], isLast: undefined, total: undefined, isIncomplete: false },
  },
  {
    states: "countKeys reads Key-Total",
    dialects: both,
    ask: (client) => client.countKeys(call),
    request: "HEAD /api/v2/keys",
    accept: "by dialect",
    answer: { status: 200, headers: { "key-total": "7" } },
    gives: 7,
  },
  {
    states: "getKey reads the key and drops its material",
    dialects: ["2019"],
    ask: (client) => client.getKey(call, keyId),
    request: `GET /api/v2/keys/${keyId}`,
    accept: keyType,
    answer: { status: 200, body: keys({ ...rootKey, extractable: true, payload: "c2VjcmV0" }) },
    gives: { ...decodedRootKey, extractable: true },
  },
  {
    states: "getKey reads the key's metadata",
    dialects: ["current"],
    ask: (client) => client.getKey(call, keyId),
    request: `GET /api/v2/keys/${keyId}/metadata`,
    accept: keyType,
    answer: { status: 200, body: keys(rootKey) },
    gives: decodedRootKey,
  },
  {
    states: "getKey takes an alias",
    dialects: ["current"],
    ask: (client) => client.getKey(call, "demo-alias"),
    request: "GET /api/v2/keys/demo-alias/metadata",
    accept: keyType,
    answer: { status: 200, body: keys(rootKey) },
    gives: decodedRootKey,
  },
  {
    states: "getKeyMaterial reads a standard key's material",
    dialects: both,
    ask: (client) => client.getKeyMaterial(call, keyId),
    request: `GET /api/v2/keys/${keyId}`,
    accept: keyType,
    answer: { status: 200, body: keys({ ...rootKey, extractable: true, payload: "c2VjcmV0" }) },
    gives: { ...decodedRootKey, extractable: true, payload: Buffer.from("secret") },
  },
  {
    states: "getKeyMaterial never gives a root key's material",
    dialects: both,
    ask: (client) => client.getKeyMaterial(call, keyId),
    request: `GET /api/v2/keys/${keyId}`,
    accept: keyType,
    answer: { status: 200, body: keys({ ...rootKey, payload: "c2VjcmV0" }) },
    gives: decodedRootKey,
  },
  {
    states: "deleteKey gives the deleted key",
    dialects: both,
    ask: (client) => client.deleteKey(call, keyId, { prefer: "representation", force: false }),
    request: `DELETE /api/v2/keys/${keyId}`,
    accept: keyType,
    prefer: "return=representation",
    answer: {
      status: 200,
      body: keys({
        ...rootKey,
        state: 5,
        nonactiveStateReason: 2,
        deleted: true,
        deletionDate: "2026-01-03T00:00:00Z",
        deletedBy: "IBMid-2",
      }),
    },
    gives: {
      ...decodedRootKey,
      state: 5,
      nonactiveStateReason: 2,
      deletionDate: new Date("2026-01-03T00:00:00Z"),
      deletedBy: "IBMid-2",
    },
  },
  {
    states: "listKeys encodes the choice and the order of keys",
    dialects: ["current"],
    ask: (client) =>
      client.listKeys(call, {
        limit: 2,
        offset: 4,
        query: {
          states: [1, 5],
          extractable: false,
          search: "not:exact:a&b",
          sort: "-creationDate,id",
          filter: 'expirationDate=lt:"2027-01-01T00:00:00Z"',
        },
      }),
    request:
      "GET /api/v2/keys?limit=2&offset=4&state=1%2C5&extractable=false&search=not%3Aexact%3Aa%26b&sort=-creationDate%2Cid&filter=expirationDate%3Dlt%3A%222027-01-01T00%3A00%3A00Z%22",
    accept: keyType,
    maxResponseBytes: list,
    answer: {
      status: 200,
      headers: { "key-total": "5" },
      body: {
        metadata: { collectionType: keyType, collectionTotal: 1, incompleteSearch: true },
        resources: [rootKey],
      },
    },
    gives: { keys: [decodedRootKey], total: 5, isIncomplete: true, isLast: true },
  },
  {
    states: "countKeys encodes the choice of keys",
    dialects: ["current"],
    ask: (client) => client.countKeys(call, { states: [2], extractable: true }),
    request: "HEAD /api/v2/keys?state=2&extractable=true",
    accept: keyType,
    answer: { status: 200, headers: { "key-total": "3" } },
    gives: 3,
  },
  {
    states: "createKey sends aliases and policies of its own",
    dialects: ["current"],
    ask: (client) =>
      client.createKey(callInRing, {
        ...create,
        aliases: ["orders", "orders-2"],
        policyOverrides: [
          { kind: "rotation", enabled: undefined, intervalMonths: 3 },
          { kind: "dualAuthDelete", enabled: true },
        ],
      }),
    keyRing: "default",
    request: "POST /api/v2/keys_with_policy_overrides",
    accept: keyType,
    contentType: keyType,
    prefer: "return=minimal",
    body: {
      metadata: { collectionType: keyType, collectionTotal: 1 },
      resources: [
        {
          type: keyType,
          name: "demo",
          extractable: false,
          aliases: ["orders", "orders-2"],
          rotation: { enabled: true, interval_month: 3 },
          dualAuthDelete: { enabled: true },
        },
      ],
    },
    answer: { status: 201, body: keys(rootKey) },
    gives: decodedRootKey,
  },
  {
    states: "createAlias gives the alias",
    dialects: ["current"],
    ask: (client) => client.createAlias(call, keyId, "orders"),
    request: `POST /api/v2/keys/${keyId}/aliases/orders`,
    accept: "application/vnd.ibm.kms.alias+json",
    answer: {
      status: 201,
      body: {
        metadata: { collectionType: "application/vnd.ibm.kms.alias+json", collectionTotal: 1 },
        resources: [
          { keyId, alias: "orders", creationDate: "2026-01-02T03:04:05Z", createdBy: "IBMid-1" },
        ],
      },
    },
    gives: {
      keyId,
      alias: "orders",
      creationDate: new Date("2026-01-02T03:04:05Z"),
      createdBy: "IBMid-1",
    },
  },
  {
    states: "deleteAlias has no body",
    dialects: ["current"],
    ask: (client) => client.deleteAlias(call, keyId, "orders"),
    request: `DELETE /api/v2/keys/${keyId}/aliases/orders`,
    accept: "application/json",
    answer: { status: 204 },
    gives: undefined,
  },
  {
    states: "listKeyRings gives the rings, of which default has no date",
    dialects: ["current"],
    ask: (client) => client.listKeyRings(call, { limit: 3, offset: 0 }),
    request: "GET /api/v2/key_rings?limit=3&offset=0&totalCount=true",
    accept: "application/vnd.ibm.kms.key_ring+json",
    maxResponseBytes: list,
    answer: {
      status: 200,
      body: {
        metadata: {
          collectionType: "application/vnd.ibm.kms.key_ring+json",
          collectionTotal: 2,
          totalCount: 2,
        },
        resources: [
          { id: "default" },
          { id: "orders", creationDate: "2026-01-02T03:04:05Z", createdBy: "IBMid-1" },
        ],
      },
    },
    gives: {
      items: [
        { id: "default", creationDate: undefined, createdBy: undefined },
        {
          id: "orders",
          creationDate: new Date("2026-01-02T03:04:05Z"),
          createdBy: "IBMid-1",
        },
      ],
      isLast: true,
    },
  },
  {
    states: "createKeyRing encodes the ID",
    dialects: ["current"],
    ask: (client) => client.createKeyRing(call, "a ring"),
    request: "POST /api/v2/key_rings/a%20ring",
    accept: "application/json",
    answer: { status: 201 },
    gives: undefined,
  },
  {
    states: "deleteKeyRing can be forced",
    dialects: ["current"],
    ask: (client) => client.deleteKeyRing(call, "orders", true),
    request: "DELETE /api/v2/key_rings/orders?force=true",
    accept: "application/json",
    answer: { status: 204 },
    gives: undefined,
  },
  {
    states: "listRegistrations gives the resources that a key protects",
    dialects: ["current"],
    ask: (client) =>
      client.listRegistrations(call, {
        limit: 2,
        offset: 1,
        query: { keyId, resourceCrn: "crn:v1:*:bucket:a", preventKeyDeletion: false },
      }),
    request: `GET /api/v2/keys/${keyId}/registrations?limit=2&offset=1&totalCount=true&urlEncodedResourceCRNQuery=crn%3Av1%3A*%3Abucket%3Aa&preventKeyDeletion=false`,
    accept: "application/vnd.ibm.kms.registration+json",
    maxResponseBytes: list,
    answer: {
      status: 200,
      body: {
        metadata: {
          collectionType: "application/vnd.ibm.kms.registration+json",
          collectionTotal: 1,
        },
        resources: [
          {
            keyId,
            resourceCrn: "crn:v1:x:bucket:a",
            description: "a bucket",
            preventKeyDeletion: true,
            createdBy: "iam-ServiceId-1",
            creationDate: "2026-01-02T03:04:05Z",
            updatedBy: "iam-ServiceId-2",
            lastUpdated: "2026-01-03T03:04:05Z",
            keyVersion: { id: otherKeyId, creationDate: "2026-01-02T03:04:05Z" },
          },
        ],
      },
    },
    gives: {
      items: [
        {
          keyId,
          resourceCrn: "crn:v1:x:bucket:a",
          description: "a bucket",
          preventKeyDeletion: true,
          createdBy: "iam-ServiceId-1",
          creationDate: new Date("2026-01-02T03:04:05Z"),
          updatedBy: "iam-ServiceId-2",
          lastUpdated: new Date("2026-01-03T03:04:05Z"),
          keyVersion: { id: otherKeyId, creationDate: new Date("2026-01-02T03:04:05Z") },
        },
      ],
      isLast: undefined,
    },
  },
  {
    states: "deleteKey asks for a forced deletion",
    dialects: both,
    ask: (client) => client.deleteKey(call, keyId, { prefer: "minimal", force: true }),
    request: `DELETE /api/v2/keys/${keyId}?force=true`,
    accept: keyType,
    prefer: "return=minimal",
    answer: { status: 204 },
    gives: undefined,
  },
  {
    states: "moveKey gives the key in its new ring",
    dialects: ["current"],
    ask: (client) => client.moveKey(callInRing, keyId, "orders"),
    keyRing: "default",
    request: `PATCH /api/v2/keys/${keyId}`,
    accept: keyType,
    contentType: "application/json",
    body: { keyRingID: "orders" },
    answer: { status: 200, body: keys({ ...rootKey, keyRingID: "orders" }) },
    gives: { ...decodedRootKey, keyRingId: "orders" },
  },
  {
    states: "changeKey needs no body",
    dialects: ["current"],
    ask: (client) => client.changeKey(call, keyId, "setKeyForDeletion"),
    request: `POST /api/v2/keys/${keyId}/actions/setKeyForDeletion`,
    accept: actionType,
    answer: { status: 204 },
    gives: undefined,
  },
  {
    states: "restoreKey gives the restored key",
    dialects: ["current"],
    ask: (client) => client.restoreKey(call, keyId, "representation"),
    request: `POST /api/v2/keys/${keyId}/restore`,
    accept: keyType,
    prefer: "return=representation",
    answer: { status: 201, body: keys(rootKey) },
    gives: decodedRootKey,
  },
  {
    states: "purgeKey asks for a minimal answer",
    dialects: ["current"],
    ask: (client) => client.purgeKey(call, keyId),
    request: `DELETE /api/v2/keys/${keyId}/purge`,
    accept: keyType,
    prefer: "return=minimal",
    answer: { status: 204 },
    gives: undefined,
  },
  {
    states: "listKeyVersions gives the versions of a key in any state",
    dialects: ["current"],
    ask: (client) => client.listKeyVersions(call, keyId, { limit: 3, offset: 2 }),
    request: `GET /api/v2/keys/${keyId}/versions?limit=3&offset=2&totalCount=true&allKeyStates=true`,
    accept: "application/vnd.ibm.kms.key.version+json",
    maxResponseBytes: list,
    answer: {
      status: 200,
      body: {
        metadata: {
          collectionType: "application/vnd.ibm.kms.key.version+json",
          collectionTotal: 2,
          totalCount: 4,
        },
        resources: [
          { id: otherKeyId, creationDate: "2026-01-03T03:04:05Z" },
          { id: keyId, creationDate: "2026-01-02T03:04:05Z" },
        ],
      },
    },
    gives: {
      items: [
        { id: otherKeyId, creationDate: new Date("2026-01-03T03:04:05Z") },
        { id: keyId, creationDate: new Date("2026-01-02T03:04:05Z") },
      ],
      isLast: true,
    },
  },
  {
    states: "rewrapKey gives the new ciphertext and both versions",
    dialects: ["current"],
    ask: (client) => client.rewrapKey(call, keyId, { ciphertext: wrapped, aad: ["a"] }),
    request: `POST /api/v2/keys/${keyId}/actions/rewrap`,
    accept: actionType,
    contentType: actionType,
    body: { ciphertext: b64(wrapped), aad: ["a"] },
    answer: {
      status: 200,
      body: {
        ciphertext: b64(rewrapped),
        keyVersion: { id: keyId },
        rewrappedKeyVersion: { id: otherKeyId },
      },
    },
    gives: { ciphertext: rewrapped, keyVersionId: otherKeyId, previousKeyVersionId: keyId },
  },
  {
    states: "deleteKey gives nothing where nothing is sent",
    dialects: both,
    ask: (client) => client.deleteKey(call, keyId, { prefer: "representation", force: false }),
    request: `DELETE /api/v2/keys/${keyId}`,
    accept: keyType,
    prefer: "return=representation",
    answer: { status: 204 },
    gives: undefined,
  },
  ...both.flatMap((dialect): RequestRow[] => {
    const path = (action: string) =>
      dialect === "2019"
        ? `POST /api/v2/keys/${keyId}?action=${action}`
        : `POST /api/v2/keys/${keyId}/actions/${action}`;
    const action = { dialects: [dialect], accept: actionType, contentType: actionType };
    return [
      {
        ...action,
        states: "wrapKey sends plaintext and additional data in order",
        ask: (client) => client.wrapKey(call, keyId, { plaintext, aad: ["b", "a"] }),
        request: path("wrap"),
        body: { plaintext: b64(plaintext), aad: ["b", "a"] },
        answer: {
          status: 200,
          body: {
            ciphertext: b64(wrapped),
            keyVersion: { id: otherKeyId },
            plaintext: "not asked for",
          },
        },
        gives: { plaintext: undefined, ciphertext: wrapped, keyVersionId: otherKeyId },
      },
      {
        ...action,
        states: "wrapKey without plaintext gives the generated one",
        ask: (client) => client.wrapKey(call, keyId, { aad: [] }),
        request: path("wrap"),
        body: {},
        answer: {
          status: 200,
          body: { plaintext: b64(plaintext), ciphertext: b64(wrapped) },
        },
        gives: { plaintext, ciphertext: wrapped, keyVersionId: undefined },
      },
      {
        ...action,
        states: "unwrapKey gives the plaintext",
        ask: (client) => client.unwrapKey(call, keyId, { ciphertext: wrapped, aad: [] }),
        request: path("unwrap"),
        body: { ciphertext: b64(wrapped) },
        answer: {
          status: 200,
          body: { plaintext: b64(plaintext), keyVersion: { id: otherKeyId } },
        },
        gives: { plaintext, rewrappedCiphertext: undefined, rewrappedKeyVersionId: undefined },
      },
      {
        ...action,
        states: "unwrapKey gives the rewrapped ciphertext of an older key version",
        ask: (client) => client.unwrapKey(call, keyId, { ciphertext: wrapped, aad: ["x"] }),
        request: path("unwrap"),
        body: { ciphertext: b64(wrapped), aad: ["x"] },
        answer: {
          status: 200,
          body: {
            plaintext: b64(plaintext),
            ciphertext: b64(rewrapped),
            keyVersion: { id: keyId },
            rewrappedKeyVersion: { id: otherKeyId },
          },
        },
        gives: {
          plaintext,
          rewrappedCiphertext: rewrapped,
          rewrappedKeyVersionId: otherKeyId,
        },
      },
      {
        ...action,
        states: "rotateKey sends plain material",
        ask: (client) =>
          client.rotateKey(call, keyId, { kind: "plain", payload: Buffer.alloc(16, 9) }),
        request: path("rotate"),
        body: { payload: b64(Buffer.alloc(16, 9)) },
        answer: { status: 204 },
        gives: undefined,
      },
    ];
  }),
  {
    states: "rotateKey to generated material sends an empty body",
    dialects: ["2019"],
    ask: (client) => client.rotateKey(call, keyId, undefined),
    request: `POST /api/v2/keys/${keyId}?action=rotate`,
    accept: actionType,
    contentType: actionType,
    body: "",
    answer: { status: 204 },
    gives: undefined,
  },
  {
    states: "rotateKey to generated material sends no body",
    dialects: ["current"],
    ask: (client) => client.rotateKey(call, keyId, undefined),
    request: `POST /api/v2/keys/${keyId}/actions/rotate`,
    accept: actionType,
    answer: { status: 204 },
    gives: undefined,
  },
  {
    states: "rotateKey sends encrypted material with the locker's token",
    dialects: ["2019"],
    ask: (client) => client.rotateKey(call, keyId, encrypted),
    request: `POST /api/v2/keys/${keyId}?action=rotate`,
    accept: actionType,
    contentType: actionType,
    body: {
      payload: b64(encrypted.payload),
      encryptionAlgorithm: "RSAES_OAEP_SHA_256",
      importToken: "opaque token",
    },
    answer: { status: 204 },
    gives: undefined,
  },
  {
    states: "rotateKey sends encrypted material with nonce and initialization vector",
    dialects: ["current"],
    ask: (client) => client.rotateKey(call, keyId, encrypted),
    request: `POST /api/v2/keys/${keyId}/actions/rotate`,
    accept: actionType,
    contentType: actionType,
    body: {
      payload: b64(encrypted.payload),
      encryptedNonce: b64(encrypted.encryptedNonce),
      iv: b64(encrypted.iv),
      encryptionAlgorithm: "RSAES_OAEP_SHA_256",
    },
    answer: { status: 204 },
    gives: undefined,
  },
  {
    states: "getKeyPolicies reads both kinds and keeps unknown ones",
    dialects: both,
    ask: (client) => client.getKeyPolicies(call, keyId),
    request: `GET /api/v2/keys/${keyId}/policies`,
    accept: policyType,
    answer: {
      status: 200,
      body: policies(
        {
          crn: `crn:v1:x:key:${keyId}:policy:${otherKeyId}`,
          rotation: { enabled: true, interval_month: 3 },
          createdBy: "IBMid-1",
          creationDate: "2026-01-02T03:04:05Z",
          updatedBy: "IBMid-2",
          lastUpdateDate: "2026-01-03T03:04:05Z",
        },
        { dualAuthDelete: { enabled: false } },
        { quantum: { enabled: true } },
      ),
    },
    gives: [
      {
        crn: `crn:v1:x:key:${keyId}:policy:${otherKeyId}`,
        kind: { kind: "rotation", enabled: true, intervalMonths: 3 },
        createdBy: "IBMid-1",
        creationDate: new Date("2026-01-02T03:04:05Z"),
        updatedBy: "IBMid-2",
        lastUpdateDate: new Date("2026-01-03T03:04:05Z"),
      },
      expect.objectContaining({ kind: { kind: "dualAuthDelete", enabled: false } }),
      expect.objectContaining({ kind: { kind: "unknown" } }),
    ],
  },
  {
    states: "getKeyPolicies asks for one kind and leaves out others",
    dialects: ["current"],
    ask: (client) => client.getKeyPolicies(call, keyId, "dualAuthDelete"),
    request: `GET /api/v2/keys/${keyId}/policies?policy=dualAuthDelete`,
    accept: policyType,
    answer: {
      status: 200,
      body: policies({ dualAuthDelete: { enabled: true } }, { rotation: { interval_month: 3 } }),
    },
    gives: [expect.objectContaining({ kind: { kind: "dualAuthDelete", enabled: true } })],
  },
  {
    states: "getKeyPolicies asks for the one kind of 2019 without naming it",
    dialects: ["2019"],
    ask: (client) => client.getKeyPolicies(call, keyId, "rotation"),
    request: `GET /api/v2/keys/${keyId}/policies`,
    accept: policyType,
    answer: { status: 200, body: policies({ rotation: { interval_month: 3 } }) },
    gives: [
      expect.objectContaining({ kind: { kind: "rotation", enabled: true, intervalMonths: 3 } }),
    ],
  },
  {
    states: "getInstancePolicies reads all kinds",
    dialects: ["current"],
    ask: (client) => client.getInstancePolicies(call),
    request: "GET /api/v2/instance/policies",
    accept: policyType,
    maxResponseBytes: 262_144,
    answer: {
      status: 200,
      body: policies({
        policy_type: "metrics",
        policy_data: { enabled: true },
        createdBy: "IBMid-1",
        creationDate: "2026-01-02T03:04:05Z",
        updatedBy: "IBMid-2",
        lastUpdated: "2026-01-03T03:04:05Z",
      }),
    },
    gives: [
      {
        enabled: true,
        content: { kind: "metrics" },
        createdBy: "IBMid-1",
        creationDate: new Date("2026-01-02T03:04:05Z"),
        updatedBy: "IBMid-2",
        lastUpdated: new Date("2026-01-03T03:04:05Z"),
      },
    ],
  },
  {
    states: "getInstancePolicies asks for one kind and leaves out others",
    dialects: ["current"],
    ask: (client) => client.getInstancePolicies(call, "allowedIP"),
    request: "GET /api/v2/instance/policies?policy=allowedIP",
    accept: policyType,
    maxResponseBytes: 262_144,
    answer: {
      status: 200,
      body: policies({ policy_type: "metrics", policy_data: { enabled: true } }),
    },
    gives: [],
  },
  {
    states: "replaceInstancePolicies sends every kind in one request",
    dialects: ["current"],
    ask: (client) =>
      client.replaceInstancePolicies(call, [
        { enabled: false, content: { kind: "allowedNetwork", network: "private-only" } },
        { enabled: true, content: { kind: "allowedIP", cidrs: ["10.0.0.0/8"] } },
        { enabled: true, content: { kind: "dualAuthDelete" } },
        { enabled: false, content: { kind: "metrics" } },
        {
          enabled: true,
          content: {
            kind: "keyCreateImportAccess",
            access: {
              createRootKey: false,
              createStandardKey: true,
              importRootKey: undefined,
              importStandardKey: undefined,
              enforceToken: true,
            },
          },
        },
        { enabled: true, content: { kind: "rotation", intervalMonths: 3 } },
      ]),
    request: "PUT /api/v2/instance/policies",
    accept: policyType,
    contentType: policyType,
    body: instancePolicyBody(
      ["allowedNetwork", { enabled: false, attributes: { allowed_network: "private-only" } }],
      ["allowedIP", { enabled: true, attributes: { allowed_ip: ["10.0.0.0/8"] } }],
      ["dualAuthDelete", { enabled: true }],
      ["metrics", { enabled: false }],
      [
        "keyCreateImportAccess",
        {
          enabled: true,
          attributes: { create_root_key: false, create_standard_key: true, enforce_token: true },
        },
      ],
      ["rotation", { enabled: true, attributes: { interval_month: 3 } }],
    ),
    answer: { status: 204 },
    gives: undefined,
  },
  {
    states: "replaceInstancePolicies sends no attributes of what it disables",
    dialects: ["current"],
    ask: (client) =>
      client.replaceInstancePolicies(call, [
        { enabled: false, content: { kind: "allowedIP", cidrs: [] } },
        { enabled: false, content: { kind: "rotation", intervalMonths: 0 } },
      ]),
    request: "PUT /api/v2/instance/policies",
    accept: policyType,
    contentType: policyType,
    body: instancePolicyBody(["allowedIP", { enabled: false }], ["rotation", { enabled: false }]),
    answer: { status: 204 },
    gives: undefined,
  },
  {
    states: "getPrivateEndpointPort reads the port",
    dialects: ["current"],
    ask: (client) => client.getPrivateEndpointPort(call),
    request: "GET /api/v2/instance/allowed_ip_port",
    accept: allowedIpType,
    answer: {
      status: 200,
      body: {
        metadata: { collectionType: allowedIpType, collectionTotal: 1 },
        resources: [{ private_endpoint_port: 15_008 }],
      },
    },
    gives: 15_008,
  },
  {
    states: "getPrivateEndpointPort finds no port in an answer without one",
    dialects: ["current"],
    ask: (client) => client.getPrivateEndpointPort(call),
    request: "GET /api/v2/instance/allowed_ip_port",
    accept: allowedIpType,
    answer: {
      status: 200,
      body: { metadata: { collectionType: allowedIpType, collectionTotal: 1 }, resources: [] },
    },
    gives: undefined,
  },
  {
    states: "getPrivateEndpointPort takes Key Protect's 404 for no port",
    dialects: ["current"],
    ask: (client) => client.getPrivateEndpointPort(call),
    request: "GET /api/v2/instance/allowed_ip_port",
    accept: allowedIpType,
    answer: {
      status: 404,
      body: {
        metadata: { collectionType: "application/vnd.ibm.kms.error+json", collectionTotal: 1 },
        resources: [{ errorMsg: "Not Found" }],
      },
    },
    gives: undefined,
  },
  {
    states: "replaceKeyPolicies asks for a representation",
    dialects: ["2019"],
    ask: (client) =>
      client.replaceKeyPolicies(call, keyId, [{ kind: "rotation", intervalMonths: 6 }]),
    request: `PUT /api/v2/keys/${keyId}/policies`,
    accept: policyType,
    contentType: keyType,
    prefer: "return=representation",
    body: policyBody({ type: keyType, rotation: { interval_month: 6 } }),
    answer: { status: 200, body: policies({ rotation: { interval_month: 6 } }) },
    gives: {
      policies: [
        expect.objectContaining({ kind: { kind: "rotation", enabled: true, intervalMonths: 6 } }),
      ],
      isComplete: true,
    },
  },
  {
    states: "replaceKeyPolicies sets both kinds at once",
    dialects: ["current"],
    ask: (client) =>
      client.replaceKeyPolicies(call, keyId, [
        { kind: "rotation", intervalMonths: 6 },
        { kind: "dualAuthDelete", enabled: true },
      ]),
    request: `PUT /api/v2/keys/${keyId}/policies`,
    accept: policyType,
    contentType: policyType,
    body: policyBody(
      { rotation: { enabled: true, interval_month: 6 } },
      { dualAuthDelete: { enabled: true } },
    ),
    answer: { status: 200, body: policies({ dualAuthDelete: { enabled: true } }) },
    gives: {
      policies: [expect.objectContaining({ kind: { kind: "dualAuthDelete", enabled: true } })],
      isComplete: false,
    },
  },
  {
    states: "replaceKeyPolicies disables a rotation policy and keeps its interval",
    dialects: ["current"],
    ask: (client) =>
      client.replaceKeyPolicies(call, keyId, [
        { kind: "rotation", enabled: false, intervalMonths: undefined },
        { kind: "dualAuthDelete", enabled: true },
      ]),
    request: `PUT /api/v2/keys/${keyId}/policies`,
    accept: policyType,
    contentType: policyType,
    body: policyBody({ rotation: { enabled: false } }, { dualAuthDelete: { enabled: true } }),
    answer: { status: 200, body: policies({ rotation: { enabled: false, interval_month: 6 } }) },
    gives: {
      policies: [
        expect.objectContaining({ kind: { kind: "rotation", enabled: false, intervalMonths: 6 } }),
      ],
      isComplete: false,
    },
  },
  {
    states: "replaceKeyPolicies sends an enabled rotation policy of 2019 without the flag",
    dialects: ["2019"],
    ask: (client) =>
      client.replaceKeyPolicies(call, keyId, [
        { kind: "rotation", enabled: true, intervalMonths: 6 },
      ]),
    request: `PUT /api/v2/keys/${keyId}/policies`,
    accept: policyType,
    contentType: keyType,
    prefer: "return=representation",
    body: policyBody({ type: keyType, rotation: { interval_month: 6 } }),
    answer: { status: 200, body: policies({ rotation: { interval_month: 6 } }) },
    gives: {
      policies: [
        expect.objectContaining({ kind: { kind: "rotation", enabled: true, intervalMonths: 6 } }),
      ],
      isComplete: true,
    },
  },
  {
    states: "createLocker creates a locker",
    dialects: ["2019"],
    ask: (client) => client.createLocker(call, { expirationSeconds: 600, maxAllowedRetrievals: 2 }),
    request: "POST /api/v2/lockers",
    accept: lockerMetadataType,
    contentType: "application/json",
    body: { expiration: 600, maxAllowedRetrievals: 2 },
    answer: { status: 200, body: { id: lockerId, ...lockerMetadata } },
    gives: { id: lockerId, ...decodedLocker },
  },
  {
    states: "createLocker creates an import token and derives its ID",
    dialects: ["current"],
    ask: (client) => client.createLocker(call, { expirationSeconds: 600, maxAllowedRetrievals: 2 }),
    request: "POST /api/v2/import_token",
    accept: importTokenType,
    contentType: importTokenType,
    body: { expiration: 600, maxAllowedRetrievals: 2 },
    answer: { status: 201, body: lockerMetadata },
    gives: { id: derivedId, ...decodedLocker },
  },
  {
    states: "listLockers gives the one locker",
    dialects: ["2019"],
    ask: (client) => client.listLockers(call),
    request: "GET /api/v2/lockers",
    accept: lockerMetadataType,
    answer: { status: 200, body: { id: lockerId, ...lockerMetadata } },
    gives: [{ id: lockerId, ...decodedLocker }],
  },
  {
    states: "listLockers reads 404 as none",
    dialects: ["2019"],
    ask: (client) => client.listLockers(call),
    request: "GET /api/v2/lockers",
    accept: lockerMetadataType,
    answer: { status: 404, body: { resources: [{ errorMsg: "Not Found" }] } },
    gives: [],
  },
  {
    states: "retrieveLocker gives the transport key and the import token",
    dialects: ["2019"],
    ask: (client) => client.retrieveLocker(call, lockerId.toUpperCase()),
    request: `GET /api/v2/lockers/${lockerId.toUpperCase()}`,
    accept: lockerType,
    prefer: "return=representation",
    answer: {
      status: 200,
      body: { id: lockerId, ...lockerMetadata, payload: b64(der), importToken: "opaque token" },
    },
    gives: {
      id: lockerId,
      ...decodedLocker,
      publicKey: der,
      importToken: "opaque token",
      nonce: undefined,
    },
  },
  {
    states: "retrieveLocker gives the transport key as DER and the nonce",
    dialects: ["current"],
    ask: (client) => client.retrieveLocker(call, derivedId),
    request: "GET /api/v2/import_token",
    accept: importTokenType,
    answer: { status: 200, body: { ...lockerMetadata, payload: b64(pem), nonce: b64(nonce) } },
    gives: {
      id: derivedId,
      ...decodedLocker,
      publicKey: der,
      importToken: undefined,
      nonce,
    },
  },
  ...kmipRows,
];

describe.each(both)("in the %s dialect", (dialect) => {
  test.each(table.filter((row) => row.dialects.includes(dialect)))("$states", async (row) => {
    const { client, sent } = createScriptedClient(dialect, row.answer);

    expect(await row.ask(client)).toEqual(row.gives);

    const [method, path] = row.request.split(" ");
    const accept =
      row.accept === "by dialect" ? (dialect === "2019" ? collectionType : keyType) : row.accept;
    const { body, ...head } = sent[0] ?? expect.fail("nothing was sent");
    expect(sent).toHaveLength(1);
    expect(head).toStrictEqual({
      method,
      path,
      headers: {
        accept,
        "bluemix-instance": instanceId,
        "correlation-id": correlationId,
        ...(row.contentType !== undefined && { "content-type": row.contentType }),
        ...(row.prefer !== undefined && { prefer: row.prefer }),
        ...(row.keyRing !== undefined && { "x-kms-key-ring": row.keyRing }),
      },
      maxResponseBytes: row.maxResponseBytes ?? small,
    });
    expect(body === undefined || body === "" ? body : JSON.parse(body)).toStrictEqual(row.body);
  });

  test("every operation is in the table", () => {
    const { client } = createScriptedClient(dialect);
    const shown = table.filter((row) => row.dialects.includes(dialect)).map((row) => row.states);
    const untold = Object.keys(client).filter(
      (operation) => !shown.some((states) => states.startsWith(`${operation} `)),
    );
    expect(untold.toSorted()).toEqual(dialect === "current" ? ["listLockers"] : currentOnly);
  });
});
