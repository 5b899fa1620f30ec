import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import {
  ImportEncryptionAlgorithm,
  KeyState,
  KeyType,
  ReturnPreference,
  EncryptedKeyMaterial,
} from "../../../../src/gen/keyprotect/v1/key.ts";
import { descriptorSet } from "../../../../src/gen/descriptor-set.ts";
import { CreateKeyRequest } from "../../../../src/gen/keyprotect/v1/keys_service.ts";
import type { CallContext } from "../../../../src/grpc/call/call-context.ts";
import { createKeysHandlers } from "../../../../src/service/keys/handlers.ts";
import type { ApiDialect } from "../../../../src/platform/api-dialect.ts";
import { UpstreamError } from "../../../../src/upstream/error.ts";
import { callContext } from "../../../support/call-context.ts";
import { readContract } from "../../../../scripts/contract/contract.ts";
import {
  failure,
  fakeKeyProtect,
  keyId,
  keyResource,
  unknownPreference,
  violationsOf,
} from "../fake-key-protect.ts";

const request = (overrides: Partial<CreateKeyRequest> = {}): CreateKeyRequest => ({
  name: "orders",
  type: KeyType.ROOT,
  description: "",
  tags: [],
  expireTime: undefined,
  material: undefined,
  returnPreference: ReturnPreference.UNSPECIFIED,
  requestId: "",
  keyRingId: "",
  aliases: [],
  policyOverrides: undefined,
  ...overrides,
});

const plain = (length: number): CreateKeyRequest["material"] => ({
  $case: "keyMaterial",
  value: Buffer.alloc(length, 7),
});

/** Enum values that the contract does not name. An older or newer caller may send them. */
const { type: unknownType } = CreateKeyRequest.decode(Uint8Array.of(0x10, 3));
const { algorithm: unknownAlgorithm } = EncryptedKeyMaterial.decode(Uint8Array.of(0x28, 9));

const none = Buffer.alloc(0);
const encrypted = (
  overrides: Partial<EncryptedKeyMaterial> = {},
): { $case: "encryptedKeyMaterial"; value: EncryptedKeyMaterial } => ({
  $case: "encryptedKeyMaterial",
  value: {
    ciphertext: Buffer.alloc(512, 1),
    importToken: none,
    encryptedNonce: Buffer.alloc(28, 2),
    initializationVector: Buffer.alloc(12, 3),
    algorithm: ImportEncryptionAlgorithm.RSAES_OAEP_SHA_256,
    ...overrides,
  },
});
const withToken = {
  importToken: Buffer.from("token"),
  encryptedNonce: none,
  initializationVector: none,
};

const context = callContext("CreateKey");
const createKey = (
  overrides: Partial<CreateKeyRequest>,
  dialect?: ApiDialect,
): Promise<unknown> => {
  const { deps } = fakeKeyProtect({ createKey: async () => keyResource() }, dialect);
  return createKeysHandlers(deps).createKey(request(overrides), context);
};

describe("validation", () => {
  // The driven clock starts at this moment.
  const now = Date.UTC(2026, 0, 2, 3, 4, 5);

  test.each<[string, Partial<CreateKeyRequest>, string[], ApiDialect?]>([
    ["a missing name", { name: "" }, ["name REQUIRED"]],
    ["a name of one character", { name: "a" }, ["name TOO_SHORT"]],
    ["a name of one astral character", { name: "😀" }, ["name TOO_SHORT"]],
    ["a name of 91 characters", { name: "a".repeat(91) }, ["name TOO_LONG"]],
    ["a name with a control character", { name: "a\nb" }, ["name CHARACTER_FORBIDDEN"]],
    ["a name with a lone surrogate", { name: "a\ud800b" }, ["name MALFORMED_UNICODE"]],
    ["a name that was not UTF-8", { name: "a\ufffdb" }, ["name MALFORMED_UNICODE"]],
    ["a missing type", { type: KeyType.UNSPECIFIED }, ["type REQUIRED"]],
    ["an unknown type", { type: unknownType }, ["type UNKNOWN_VALUE"]],
    ["a description of one character", { description: "a" }, ["description TOO_SHORT"]],
    ["a description of 241", { description: "a".repeat(241) }, ["description TOO_LONG"]],
    ["31 tags", { tags: Array.from({ length: 31 }, () => "t") }, ["tags TOO_MANY"]],
    ["an empty tag", { tags: ["ok", ""] }, ["tags[1] REQUIRED"]],
    ["a tag of 31 characters", { tags: ["a".repeat(31)] }, ["tags[0] TOO_LONG"]],
    ...["<", ">", ",", ":", "&", "|"].map((char): [string, Partial<CreateKeyRequest>, string[]] => [
      `a tag with ${char}`,
      { tags: ["a", `b${char}`] },
      ["tags[1] CHARACTER_FORBIDDEN"],
    ]),
    ["an expiry now", { expireTime: new Date(now) }, ["expire_time NOT_IN_FUTURE"]],
    [
      "an expiry within this second",
      { expireTime: new Date(now + 999) },
      ["expire_time NOT_IN_FUTURE"],
    ],
    ["an invalid expiry", { expireTime: new Date(Number.NaN) }, ["expire_time FORMAT_INVALID"]],
    [
      "an expiry after year 9999",
      { expireTime: new Date(253_402_300_800_000) },
      ["expire_time FORMAT_INVALID"],
    ],
    [
      "an unknown preference",
      { returnPreference: unknownPreference },
      ["return_preference UNKNOWN_VALUE"],
    ],
    ["a request ID that is no UUID", { requestId: "1" }, ["request_id FORMAT_INVALID"]],
    ["root material of 15 bytes", { material: plain(15) }, ["key_material LENGTH_INVALID"]],
    ["root material of 0 bytes", { material: plain(0) }, ["key_material LENGTH_INVALID"]],
    ["root material of 33 bytes", { material: plain(33) }, ["key_material LENGTH_INVALID"]],
    [
      "no standard material",
      { type: KeyType.STANDARD, material: plain(0) },
      ["key_material REQUIRED"],
    ],
    [
      "too much standard material",
      { type: KeyType.STANDARD, material: plain(7_501) },
      ["key_material TOO_LONG"],
    ],
    [
      "encrypted material for a standard key",
      { type: KeyType.STANDARD, material: encrypted() },
      ["encrypted_key_material KEY_TYPE_MISMATCH"],
    ],
    [
      "a short RSA ciphertext without algorithm",
      {
        material: encrypted({
          ciphertext: Buffer.alloc(511),
          algorithm: ImportEncryptionAlgorithm.UNSPECIFIED,
        }),
      },
      [
        "encrypted_key_material.ciphertext LENGTH_INVALID",
        "encrypted_key_material.algorithm REQUIRED",
      ],
    ],
    [
      "an unknown algorithm",
      { material: encrypted({ algorithm: unknownAlgorithm }) },
      ["encrypted_key_material.algorithm UNKNOWN_VALUE"],
    ],
    [
      "both proofs of a locker",
      { material: encrypted({ importToken: Buffer.from("token") }) },
      ["encrypted_key_material CONFLICT"],
    ],
    [
      "no proof of a locker",
      { material: encrypted({ encryptedNonce: none, initializationVector: none }) },
      ["encrypted_key_material REQUIRED"],
    ],
    [
      "no proof, in the 2019 API",
      { material: encrypted({ encryptedNonce: none, initializationVector: none }) },
      ["encrypted_key_material.import_token REQUIRED"],
      "2019",
    ],
    [
      "no proof, in the current API",
      { material: encrypted({ encryptedNonce: none, initializationVector: none }) },
      [
        "encrypted_key_material.encrypted_nonce REQUIRED",
        "encrypted_key_material.initialization_vector LENGTH_INVALID",
      ],
      "current",
    ],
    [
      "a nonce without vector",
      { material: encrypted({ initializationVector: none }) },
      ["encrypted_key_material.initialization_vector LENGTH_INVALID"],
    ],
    [
      "a short nonce",
      { material: encrypted({ encryptedNonce: Buffer.alloc(15) }) },
      ["encrypted_key_material.encrypted_nonce TOO_SHORT"],
    ],
    [
      "a long nonce and an odd vector",
      {
        material: encrypted({
          encryptedNonce: Buffer.alloc(65),
          initializationVector: Buffer.alloc(13),
        }),
      },
      [
        "encrypted_key_material.encrypted_nonce TOO_LONG",
        "encrypted_key_material.initialization_vector LENGTH_INVALID",
      ],
    ],
    [
      "a token that is not UTF-8",
      { material: encrypted({ ...withToken, importToken: Buffer.from([0xff]) }) },
      ["encrypted_key_material.import_token FORMAT_INVALID"],
    ],
    [
      "a token with a control character",
      { material: encrypted({ ...withToken, importToken: Buffer.from("a\r\nb") }) },
      ["encrypted_key_material.import_token FORMAT_INVALID"],
    ],
    [
      "a token of 4097 bytes",
      { material: encrypted({ ...withToken, importToken: Buffer.alloc(4_097, 65) }) },
      ["encrypted_key_material.import_token TOO_LONG"],
    ],
    [
      "a token in the current API",
      { material: encrypted(withToken) },
      ["encrypted_key_material.import_token UNSUPPORTED"],
      "current",
    ],
    [
      "a nonce in the 2019 API",
      { material: encrypted() },
      ["encrypted_key_material.encrypted_nonce UNSUPPORTED"],
      "2019",
    ],
    [
      "a vector in the 2019 API",
      { material: encrypted({ encryptedNonce: none }) },
      ["encrypted_key_material.initialization_vector UNSUPPORTED"],
      "2019",
    ],
  ])("CreateKey rejects %s", async (_name, overrides, expected, dialect) => {
    expect(await violationsOf(createKey(overrides, dialect))).toEqual(expected);
  });

  test.each<[string, Partial<CreateKeyRequest>, ApiDialect?]>([
    ["a name of two characters", { name: "ab" }],
    ["a name of 90 astral characters", { name: "😀".repeat(90) }],
    ["a description of 240 characters", { description: "a".repeat(240) }],
    ["30 tags of 30 characters", { tags: Array.from({ length: 30 }, () => "a".repeat(30)) }],
    ["an expiry in the next second", { expireTime: new Date(now + 1_000) }],
    ["an AES-192 root key", { material: plain(24) }],
    ["a standard key of 7500 bytes", { type: KeyType.STANDARD, material: plain(7_500) }],
    [
      "a CBC nonce",
      {
        material: encrypted({
          encryptedNonce: Buffer.alloc(16),
          initializationVector: Buffer.alloc(16),
        }),
      },
    ],
    ["a nonce in the current API", { material: encrypted() }, "current"],
    ["a token in the 2019 API", { material: encrypted(withToken) }, "2019"],
    ["a token in an unknown API", { material: encrypted(withToken) }],
  ])("CreateKey accepts %s", async (_name, overrides, dialect) => {
    await expect(createKey(overrides, dialect)).resolves.toMatchObject({ key: { id: keyId } });
  });

  test("CreateKey reports all violations, names the first one and counts the others", async () => {
    const error = await failure(createKey({ name: "", type: 0, tags: ["", "<"], requestId: "x" }));
    expect(error.details.violations).toHaveLength(5);
    expect(error.message).toBe("name: required: 2 to 90 characters (and 4 more violations)");
  });

  test("a violation never contains the rejected value", async () => {
    const error = await failure(
      createKey({ name: "s3cr3t\n", tags: ["s3cr3t|"], requestId: "s3cr3t" }),
    );
    expect(error.details.violations).toHaveLength(3);
    expect(JSON.stringify([error.message, error.details])).not.toContain("s3cr3t");
  });

  test("CreateKey sends nothing upstream for an invalid request", async () => {
    const fake = fakeKeyProtect({});
    await failure(createKeysHandlers(fake.deps).createKey(request({ name: "" }), context));
    expect(fake.calls).toEqual([]);
  });

  test("CreateKey rejects a request ID if no store is configured", async () => {
    const error = await failure(createKey({ requestId: keyId }));
    expect([error.code, error.reason]).toEqual([status.INVALID_ARGUMENT, "REQUEST_ID_UNSUPPORTED"]);
  });
});

describe("translation", () => {
  test("CreateKey asks for a generated root key with a minimal answer", async () => {
    const fake = fakeKeyProtect({ createKey: async () => keyResource() });
    const answer = await createKeysHandlers(fake.deps).createKey(request(), context);
    expect(fake.calls).toEqual([
      [
        "createKey",
        {
          name: "orders",
          description: undefined,
          tags: [],
          expirationDate: undefined,
          extractable: false,
          material: undefined,
          aliases: [],
          policyOverrides: undefined,
          prefer: "minimal",
        },
      ],
    ]);
    expect(answer).toMatchObject({
      key: { id: keyId, type: KeyType.ROOT, state: KeyState.ACTIVE },
      keyMaterial: none,
      replayed: false,
    });
  });

  test("CreateKey sends imported material and zeroizes it afterwards", async () => {
    const fake = fakeKeyProtect({ createKey: async () => keyResource() });
    const material = { $case: "keyMaterial" as const, value: Buffer.alloc(32, 7) };
    await createKeysHandlers(fake.deps).createKey(request({ material }), context);
    expect(fake.calls[0]?.[1]).toMatchObject({
      material: { kind: "plain", payload: Buffer.alloc(32, 7) },
    });
    expect(material.value).toEqual(Buffer.alloc(32));
  });

  test("CreateKey zeroizes the material of a rejected request", async () => {
    const material = { $case: "keyMaterial" as const, value: Buffer.alloc(31, 7) };
    await failure(createKey({ material }));
    expect(material.value).toEqual(Buffer.alloc(31));
  });

  test("CreateKey sends encrypted material in the fields of either dialect", async () => {
    const fake = fakeKeyProtect({ createKey: async () => keyResource() });
    const handlers = createKeysHandlers(fake.deps);
    await handlers.createKey(request({ material: encrypted() }), context);
    await handlers.createKey(request({ material: encrypted(withToken) }), context);
    const shared = {
      kind: "encrypted",
      payload: Buffer.alloc(512, 1),
      encryptionAlgorithm: "RSAES_OAEP_SHA_256",
    };
    expect(fake.calls).toMatchObject([
      [
        "createKey",
        {
          material: {
            ...shared,
            importToken: undefined,
            encryptedNonce: Buffer.alloc(28, 2),
            iv: Buffer.alloc(12, 3),
          },
        },
      ],
      [
        "createKey",
        {
          material: { ...shared, importToken: "token", encryptedNonce: undefined, iv: undefined },
        },
      ],
    ]);
  });
});

const material = (): Buffer => Buffer.from("material");

describe("material in the answer", () => {
  const wanted = request({
    type: KeyType.STANDARD,
    returnPreference: ReturnPreference.REPRESENTATION,
  });
  const standard = keyResource({ extractable: true });

  test("the material of a standard key is in a representation", async () => {
    const fake = fakeKeyProtect({ createKey: async () => ({ ...standard, payload: material() }) });
    const answer = await createKeysHandlers(fake.deps).createKey(wanted, context);
    expect(answer.keyMaterial).toEqual(material());
    expect(fake.calls.map(([operation]) => operation)).toEqual(["createKey"]);
  });

  test("the material is dropped and zeroized if a minimal answer is asked for", async () => {
    const payload = material();
    const fake = fakeKeyProtect({ createKey: async () => ({ ...standard, payload }) });
    const minimal = request({ type: KeyType.STANDARD });
    const answer = await createKeysHandlers(fake.deps).createKey(minimal, context);
    expect(answer.keyMaterial).toEqual(none);
    expect(payload).toEqual(Buffer.alloc(payload.length));
  });

  test.each([KeyType.ROOT, KeyType.STANDARD])(
    "the material of a root key is never in the answer (asked for type %i)",
    async (type) => {
      const payload = material();
      const fake = fakeKeyProtect({ createKey: async () => keyResource({ payload }) });
      const answer = await createKeysHandlers(fake.deps).createKey({ ...wanted, type }, context);
      expect(answer.keyMaterial).toEqual(none);
      expect(payload).toEqual(Buffer.alloc(payload.length));
    },
  );

  test("the material is read once, within the deadline, if the creation was answered before it existed", async () => {
    const contexts: CallContext[] = [];
    const fake = fakeKeyProtect({
      createKey: async () => standard,
      getKeyMaterial: async (call) => {
        contexts.push(call);
        return { ...standard, payload: material() };
      },
    });
    const timed = callContext("CreateKey", { deadline: 1_000 });
    const answer = await createKeysHandlers(fake.deps).createKey(wanted, timed);
    expect(answer.keyMaterial).toEqual(material());
    expect(fake.calls.map(([operation]) => operation)).toEqual(["createKey", "getKeyMaterial"]);
    expect(fake.calls[1]).toEqual(["getKeyMaterial", keyId]);
    expect(
      contexts.map(({ deadline, signal, attemptLog }) => [deadline, signal, attemptLog]),
    ).toEqual([[950, timed.signal, timed.attemptLog]]);
  });

  test.each<[string, () => Promise<typeof standard>]>([
    ["is still missing", async () => standard],
    ["fails", () => Promise.reject(new UpstreamError("ATTEMPT_TIMEOUT", "too slow"))],
    ["fails for an unknown reason", () => Promise.reject(new TypeError("surprise"))],
  ])(
    "the material stays empty if the second read %s, because the key was created",
    async (_name, read) => {
      const fake = fakeKeyProtect({ createKey: async () => standard, getKeyMaterial: read });
      const answer = await createKeysHandlers(fake.deps).createKey(wanted, context);
      expect(answer).toMatchObject({ key: { id: keyId }, keyMaterial: none });
      expect(fake.calls).toHaveLength(2);
    },
  );
});

test("a violation of an enum gives the values the names of the contract", async () => {
  const { deps } = fakeKeyProtect({});
  const error = await failure(
    createKeysHandlers(deps).createKey(
      request({
        type: KeyType.UNSPECIFIED,
        returnPreference: unknownPreference,
        material: encrypted({ algorithm: ImportEncryptionAlgorithm.UNSPECIFIED }),
      }),
      callContext("CreateKey"),
    ),
  );
  const texts = (error.details.violations ?? []).map(({ description }) => description);
  expect(texts).toEqual([
    "one of KEY_TYPE_ROOT, KEY_TYPE_STANDARD",
    "one of IMPORT_ENCRYPTION_ALGORITHM_RSAES_OAEP_SHA_256",
    "one of RETURN_PREFERENCE_MINIMAL, RETURN_PREFERENCE_REPRESENTATION",
  ]);
  const { enums } = readContract(Buffer.from(descriptorSet, "base64"));
  const names = new Set(enums.flatMap(({ values }) => values.map(({ name }) => name)));
  const named = texts.flatMap((text) => text.match(/[A-Z][A-Z0-9_]+/g) ?? []);
  expect(named.filter((name) => !names.has(name))).toEqual([]);
});
