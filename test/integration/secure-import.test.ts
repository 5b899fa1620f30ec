/** Secure import with encrypted key material, and proof that the key has exactly that material. */
import { describe, expect, test } from "vitest";
import type { EncryptedKeyMaterial } from "../../src/gen/keyprotect/v1/key.ts";
import type { RetrieveLockerResponse } from "../../src/gen/keyprotect/v1/lockers_service.ts";
import { encryptForLocker } from "../support/import-material.ts";
import {
  createKeyId,
  createKeyRequest,
  encryptedMaterial,
  plainMaterial,
  rotateKeyRequest,
  unwrapKeyRequest,
  wrapKeyRequest,
} from "../support/requests.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";

const minuteMs = 60_000;

/**
 * Creates a locker of ten minutes, as the caller sees it. Its private key is marked as a secret.
 */
async function newLocker(gateway: TestGateway): Promise<RetrieveLockerResponse> {
  const { lockers } = gateway.clients;
  const { locker } = await gateway.call(lockers, "createLocker", {
    ttl: { seconds: 600n, nanos: 0 },
    maxAllowedRetrievals: 1,
  });
  const retrieved = await gateway.call(lockers, "retrieveLocker", { lockerId: locker?.id ?? "" });
  gateway.secrets.mark(Buffer.from(retrieved.nonce));
  gateway.secrets.mark(Buffer.from(retrieved.importToken));
  return retrieved;
}

/** Whether both keys unwrap the first one's ciphertexts, which needs the same material in both. */
async function haveTheSameMaterial(
  gateway: TestGateway,
  wrapping: string,
  unwrapping: string,
): Promise<boolean> {
  const { actions } = gateway.clients;
  const plaintext = gateway.secrets.bytes(32);
  const wrapped = await gateway.call(actions, "wrapKey", wrapKeyRequest(wrapping, plaintext));
  const direct = await gateway.call(
    actions,
    "unwrapKey",
    unwrapKeyRequest(wrapping, wrapped.ciphertext),
  );
  expect(direct.plaintext.equals(plaintext)).toBe(true);
  const { response, error } = await gateway.outcome(
    actions,
    "unwrapKey",
    unwrapKeyRequest(unwrapping, wrapped.ciphertext),
  );
  if (error !== null) expect(error.details).toContain("cannot be unwrapped");
  return response !== undefined && response.plaintext.equals(plaintext);
}

describe.each(["current", "2019"] as const)("in the dialect %s", (dialect) => {
  const start = (): Promise<TestGateway> =>
    startTestGateway({ dialect, emulator: { tokenLifetimeSeconds: 6 * 3_600 } });

  test.each([16, 24, 32])(
    "a key of %i bytes can be imported encrypted and has exactly that material",
    async (length) => {
      await using gateway = await start();
      const { keys } = gateway.clients;
      const material = gateway.secrets.bytes(length);
      const locker = await newLocker(gateway);
      const { key } = await gateway.call(
        keys,
        "createKey",
        createKeyRequest({ material: encryptedMaterial(encryptForLocker(locker, material)) }),
      );
      const imported = key?.id ?? "";
      const read = await gateway.call(keys, "getKey", { keyId: imported });
      expect(read.key).toMatchObject({ id: imported, imported: true });

      const twin = await createKeyId(gateway, { material: plainMaterial(material) });
      const stranger = await createKeyId(gateway, {
        material: plainMaterial(gateway.secrets.bytes(length)),
      });
      expect(await haveTheSameMaterial(gateway, imported, twin)).toBe(true);
      expect(await haveTheSameMaterial(gateway, twin, imported)).toBe(true);
      expect(await haveTheSameMaterial(gateway, imported, stranger)).toBe(false);
    },
  );

  test("an imported key can be rotated to encrypted material and then has exactly that material", async () => {
    await using gateway = await start();
    const { actions } = gateway.clients;
    const [first, second] = [gateway.secrets.bytes(32), gateway.secrets.bytes(32)];
    const keyId = await createKeyId(gateway, { material: plainMaterial(first) });
    const twinOfFirst = await createKeyId(gateway, { material: plainMaterial(first) });
    const twinOfSecond = await createKeyId(gateway, { material: plainMaterial(second) });
    const locker = await newLocker(gateway);
    await gateway.call(
      actions,
      "rotateKey",
      rotateKeyRequest(keyId, { material: encryptedMaterial(encryptForLocker(locker, second)) }),
    );
    expect(await haveTheSameMaterial(gateway, keyId, twinOfSecond)).toBe(true);
    expect(await haveTheSameMaterial(gateway, keyId, twinOfFirst)).toBe(false);
    // The previous version still unwraps.
    expect(await haveTheSameMaterial(gateway, twinOfFirst, keyId)).toBe(true);
  });

  test("material for an expired locker is rejected by CreateKey and RotateKey", async () => {
    await using gateway = await start();
    const { keys, actions } = gateway.clients;
    const keyId = await createKeyId(gateway, {
      material: plainMaterial(gateway.secrets.bytes(32)),
    });
    const locker = await newLocker(gateway);
    const material = encryptedMaterial(encryptForLocker(locker, gateway.secrets.bytes(32)));
    gateway.emulator.clock.advance(10 * minuteMs);
    const failures = [
      await gateway.failure(keys, "createKey", createKeyRequest({ material })),
      await gateway.failure(actions, "rotateKey", rotateKeyRequest(keyId, { material })),
    ];
    for (const failure of failures) {
      expect(failure).toMatchObject({
        code: "FAILED_PRECONDITION",
        reason: "IMPORT_TOKEN_EXPIRED",
      });
      expect(failure.errorInfo?.metadata).toMatchObject({
        upstreamReason: "IMPORT_TOKEN_EXPIRED_ERR",
        mayHaveExecuted: "false",
      });
    }
  });

  test("an expired locker cannot be retrieved", async () => {
    await using gateway = await start();
    const { lockers } = gateway.clients;
    const { locker } = await gateway.call(lockers, "createLocker", {
      ttl: { seconds: 300n, nanos: 0 },
      maxAllowedRetrievals: 5,
    });
    gateway.emulator.clock.advance(5 * minuteMs);
    const failure = await gateway.failure(lockers, "retrieveLocker", {
      lockerId: locker?.id ?? "",
    });
    expect([failure.code, failure.reason]).toEqual(
      dialect === "current"
        ? ["FAILED_PRECONDITION", "IMPORT_TOKEN_EXPIRED"]
        : ["NOT_FOUND", "LOCKER_NOT_FOUND"],
    );
  });

  test("each retrieval of a locker reduces its remaining retrievals by one", async () => {
    await using gateway = await start();
    const { lockers } = gateway.clients;
    const { locker } = await gateway.call(lockers, "createLocker", {
      ttl: undefined,
      maxAllowedRetrievals: 3,
    });
    const lockerId = locker?.id ?? "";
    const remaining: (number | undefined)[] = [];
    for (let at = 0; at < 3; at += 1) {
      const retrieved = await gateway.call(lockers, "retrieveLocker", { lockerId });
      remaining.push(retrieved.locker?.remainingRetrievals);
    }
    expect(remaining).toEqual([2, 1, 0]);
    const failure = await gateway.failure(lockers, "retrieveLocker", { lockerId });
    expect(failure).toMatchObject({ code: "FAILED_PRECONDITION", reason: "IMPORT_TOKEN_EXPIRED" });
    expect(failure.errorInfo?.metadata["mayHaveExecuted"]).toBe("false");
  });

  test("a locker that a newer one has replaced is not found", async () => {
    await using gateway = await start();
    const { lockers } = gateway.clients;
    const create = { ttl: undefined, maxAllowedRetrievals: 5 };
    const older = await gateway.call(lockers, "createLocker", create);
    // Import tokens are distinguished by their creation time, which is given in seconds.
    gateway.emulator.clock.advance(1_000);
    const newer = await gateway.call(lockers, "createLocker", create);
    expect(newer.locker?.id).not.toBe(older.locker?.id);
    const failure = await gateway.failure(lockers, "retrieveLocker", {
      lockerId: older.locker?.id ?? "",
    });
    expect(failure).toMatchObject({ code: "NOT_FOUND", reason: "LOCKER_NOT_FOUND" });
    expect(failure.resourceInfo?.resourceName).toBe(older.locker?.id);
    const retrieved = await gateway.call(lockers, "retrieveLocker", {
      lockerId: newer.locker?.id ?? "",
    });
    expect(retrieved.locker?.id).toBe(newer.locker?.id);
  });
});

describe("proof of the locker", () => {
  const wrongNonces: readonly (readonly [
    string,
    (
      good: EncryptedKeyMaterial,
      locker: RetrieveLockerResponse,
      material: Buffer,
      gateway: TestGateway,
    ) => EncryptedKeyMaterial,
  ])[] = [
    [
      "of another nonce",
      (_good, locker, material, gateway) =>
        encryptForLocker({ ...locker, nonce: gateway.secrets.bytes(12) }, material),
    ],
    [
      "encrypted with other material",
      (good, locker, material, gateway) => ({
        ...encryptForLocker(locker, gateway.secrets.bytes(material.length)),
        ciphertext: good.ciphertext,
      }),
    ],
    [
      "with another initialization vector",
      (good) => ({ ...good, initializationVector: Buffer.alloc(12, 7) }),
    ],
  ];

  test.each(wrongNonces)("an encrypted nonce %s is rejected", async (_name, spoil) => {
    await using gateway = await startTestGateway({ dialect: "current" });
    const { keys, actions } = gateway.clients;
    const keyId = await createKeyId(gateway, {
      material: plainMaterial(gateway.secrets.bytes(32)),
    });
    const locker = await newLocker(gateway);
    const bytes = gateway.secrets.bytes(32);
    const good = encryptForLocker(locker, bytes);
    const material = encryptedMaterial(spoil(good, locker, bytes, gateway));
    const failures = [
      await gateway.failure(keys, "createKey", createKeyRequest({ material })),
      await gateway.failure(actions, "rotateKey", rotateKeyRequest(keyId, { material })),
    ];
    for (const failure of failures) {
      expect(failure).toMatchObject({ code: "INVALID_ARGUMENT", reason: "IMPORT_NONCE_REJECTED" });
      expect(failure.badRequest?.fieldViolations).toMatchObject([
        { field: "encrypted_key_material", reason: "NONCE_MISMATCH" },
      ]);
    }
    expect(await gateway.call(keys, "countKeys", {})).toEqual({ totalSize: 1 });
    await gateway.call(keys, "createKey", createKeyRequest({ material: encryptedMaterial(good) }));
  });

  test("a token that is not the locker's is rejected in the dialect of 2019", async () => {
    await using gateway = await startTestGateway({ dialect: "2019" });
    const locker = await newLocker(gateway);
    const importToken = Buffer.from(gateway.secrets.bytes(48).toString("base64"));
    const encrypted = encryptForLocker({ ...locker, importToken }, gateway.secrets.bytes(32));
    const failure = await gateway.failure(
      gateway.clients.keys,
      "createKey",
      createKeyRequest({ material: encryptedMaterial(encrypted) }),
    );
    expect(failure).toMatchObject({ code: "INVALID_ARGUMENT", reason: "REQUEST_INVALID" });
    expect(failure.badRequest?.fieldViolations).toMatchObject([
      { field: "encrypted_key_material.import_token", reason: "REFUSED_UPSTREAM" },
    ]);
  });

  test("the proof of the other dialect is rejected before anything is sent", async () => {
    await using current = await startTestGateway({ dialect: "current" });
    await using old = await startTestGateway({ dialect: "2019" });
    const nonceProof = encryptForLocker(await newLocker(current), current.secrets.bytes(32));
    const tokenProof = encryptForLocker(await newLocker(old), old.secrets.bytes(32));
    for (const [gateway, encrypted, field] of [
      [current, tokenProof, "encrypted_key_material.import_token"],
      [old, nonceProof, "encrypted_key_material.encrypted_nonce"],
    ] as const) {
      const before = gateway.upstreamRequests().length;
      const failure = await gateway.failure(
        gateway.clients.keys,
        "createKey",
        createKeyRequest({ material: encryptedMaterial(encrypted) }),
      );
      expect(failure).toMatchObject({ code: "INVALID_ARGUMENT", reason: "REQUEST_INVALID" });
      expect(failure.badRequest?.fieldViolations).toMatchObject([{ field, reason: "UNSUPPORTED" }]);
      expect(gateway.upstreamRequests()).toHaveLength(before);
    }
  });

  test("an instance that requires encrypted imports rejects plain material", async () => {
    await using gateway = await startTestGateway({ dialect: "current" });
    const { emulator } = gateway;
    const [user] = emulator.users;
    if (user === undefined) throw new Error("the emulator has no user");
    const type = "application/vnd.ibm.kms.policy+json";
    const answer = await fetch(
      `${emulator.url}/api/v2/instance/policies?policy=keyCreateImportAccess`,
      {
        method: "PUT",
        headers: {
          authorization: `Bearer ${emulator.tokens.issue(user).accessToken}`,
          "bluemix-instance": emulator.instanceId,
          "content-type": type,
        },
        body: JSON.stringify({
          metadata: { collectionType: type, collectionTotal: 1 },
          resources: [
            {
              policy_type: "keyCreateImportAccess",
              policy_data: {
                enabled: true,
                attributes: {
                  create_root_key: true,
                  create_standard_key: true,
                  import_root_key: true,
                  import_standard_key: true,
                  enforce_token: true,
                },
              },
            },
          ],
        }),
      },
    );
    expect(answer.status).toBe(204);
    const material = gateway.secrets.bytes(32);
    const failure = await gateway.failure(
      gateway.clients.keys,
      "createKey",
      createKeyRequest({ material: plainMaterial(material) }),
    );
    expect(failure).toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "INSTANCE_POLICY_VIOLATION",
    });
    const encrypted = encryptForLocker(await newLocker(gateway), material);
    const keyId = await createKeyId(gateway, { material: encryptedMaterial(encrypted) });
    expect(keyId).toMatch(/^[0-9a-f-]{36}$/);
  });
});
