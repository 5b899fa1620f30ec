/** Every RPC with its options, in both dialects, from the client to the emulator and back. */
import { describe, expect, test } from "vitest";
import type { EmulatorOptions } from "../../src/emulator/options.ts";
import { KeyState, KeyType, ReturnPreference } from "../../src/gen/keyprotect/v1/key.ts";
import {
  createKeyId,
  createKeyRequest,
  deleteKeyRequest,
  dualAuthPolicy,
  generateDataKeyRequest,
  plainMaterial,
  rewrapKeyRequest,
  rotateKeyRequest,
  rotationPolicy,
  unwrapKeyRequest,
  wrapKeyRequest,
} from "../support/requests.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";

interface Variant {
  readonly name: string;
  readonly dialect: "current" | "2019";
  readonly profile: "current" | "2019";
}

const variants: readonly Variant[] = [
  { name: "the current dialect", dialect: "current", profile: "current" },
  { name: "the dialect of 2019 with today's service", dialect: "2019", profile: "current" },
  { name: "the dialect of 2019 with the service of 2019", dialect: "2019", profile: "2019" },
];

const hourMs = 3_600_000;

const policyType = "application/vnd.ibm.kms.policy+json";

/** The kinds of a list with one rotation policy. */
const shownRotation = (enabled: boolean, intervalMonths: number) => [
  { $case: "rotation", value: { enabled, intervalMonths } },
];

/** Longer than any test moves the clock, so that no token expires during a test. */
const tokenLifetimeSeconds = 6 * 3_600;
const representation = { returnPreference: ReturnPreference.REPRESENTATION };
const unknownId = "99999999-9999-4999-8999-999999999999";

const requestsSince = (gateway: TestGateway, count: number): readonly string[] =>
  gateway.upstreamRequests().slice(count);

const keyPath = (id: string): string => `/api/v2/keys/${id}`;

describe.each(variants)("in $name", ({ dialect, profile }) => {
  const start = (emulator: EmulatorOptions = {}): Promise<TestGateway> =>
    startTestGateway({ dialect, emulator: { profile, tokenLifetimeSeconds, ...emulator } });
  const isCurrent = dialect === "current";
  const hasReasons = profile === "current";
  const hasKeyVersions = profile === "current";
  const metadataPath = (id: string): string =>
    isCurrent ? `${keyPath(id)}/metadata` : keyPath(id);
  const actionPath = (id: string, action: string): string =>
    isCurrent ? `${keyPath(id)}/actions/${action}` : `${keyPath(id)}?action=${action}`;

  describe("CreateKey", () => {
    test("CreateKey generates a root key, whose representation contains no material", async () => {
      await using gateway = await start();
      const { keys } = gateway.clients;
      const expireTime = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 24 * hourMs);
      const { key, keyMaterial, replayed } = await gateway.call(
        keys,
        "createKey",
        createKeyRequest({
          name: "orders",
          description: "wraps the keys of orders",
          tags: ["team-x", "blue"],
          expireTime,
          ...representation,
        }),
      );
      expect(key).toMatchObject({
        name: "orders",
        description: "wraps the keys of orders",
        type: KeyType.ROOT,
        state: KeyState.ACTIVE,
        tags: ["team-x", "blue"],
        expireTime,
        imported: false,
        deleteTime: undefined,
      });
      expect(key?.crn).toContain(`:${gateway.emulator.instanceId}:key:${key?.id}`);
      expect(key?.createdBy).not.toBe("");
      expect(keyMaterial).toHaveLength(0);
      expect(replayed).toBe(false);
      expect(gateway.upstreamRequests()).toEqual(["POST /api/v2/keys"]);
    });

    test("CreateKey generates a standard key, whose representation contains its material", async () => {
      await using gateway = await start();
      const { keys } = gateway.clients;
      const created = await gateway.call(
        keys,
        "createKey",
        createKeyRequest({ type: KeyType.STANDARD, ...representation }),
      );
      gateway.secrets.mark(Buffer.from(created.keyMaterial));
      expect(created.keyMaterial).toHaveLength(32);
      const read = await gateway.call(keys, "getKeyMaterial", { keyId: created.key?.id ?? "" });
      expect(read.keyMaterial).toEqual(created.keyMaterial);
      expect(read.key).toEqual(created.key);
    });

    test.each([ReturnPreference.UNSPECIFIED, ReturnPreference.MINIMAL])(
      "CreateKey answers without material unless a representation is requested (preference %i)",
      async (returnPreference) => {
        await using gateway = await start();
        const created = await gateway.call(
          gateway.clients.keys,
          "createKey",
          createKeyRequest({ type: KeyType.STANDARD, returnPreference }),
        );
        expect(created.keyMaterial).toHaveLength(0);
        expect(created.key?.id).toMatch(/^[0-9a-f-]{36}$/);
        const [request] = gateway.emulator.requests.list({ operation: "createKey" });
        expect(request?.headers["prefer"]).toBe("return=minimal");
      },
    );

    test("CreateKey reads the material again if Key Protect answers before it is available", async () => {
      await using gateway = await start();
      gateway.emulator.faults.add({
        match: { operation: "createKey" },
        action: {
          kind: "rewrite",
          patch: (body) =>
            JSON.parse(JSON.stringify(body), (name, value) =>
              name === "payload" ? undefined : value,
            ),
        },
      });
      const created = await gateway.call(
        gateway.clients.keys,
        "createKey",
        createKeyRequest({ type: KeyType.STANDARD, ...representation }),
      );
      gateway.secrets.mark(Buffer.from(created.keyMaterial));
      expect(created.keyMaterial).toHaveLength(32);
      expect(gateway.upstreamRequests()).toEqual([
        "POST /api/v2/keys",
        `GET ${keyPath(created.key?.id ?? "")}`,
      ]);
    });

    test.each([16, 24, 32])(
      "CreateKey imports a root key of %i bytes, which can wrap",
      async (length) => {
        await using gateway = await start();
        const { keys, actions } = gateway.clients;
        const material = gateway.secrets.bytes(length);
        const [first, second] = await Promise.all(
          ["one", "two"].map((name) =>
            createKeyId(gateway, { name, material: plainMaterial(material) }),
          ),
        );
        const { key } = await gateway.call(keys, "getKey", { keyId: first ?? "" });
        expect(key).toMatchObject({ id: first, imported: true, type: KeyType.ROOT });
        const plaintext = gateway.secrets.bytes(32);
        const { ciphertext } = await gateway.call(
          actions,
          "wrapKey",
          wrapKeyRequest(first ?? "", plaintext),
        );
        expect(ciphertext.includes(plaintext)).toBe(false);
        const other = await gateway.failure(
          actions,
          "unwrapKey",
          unwrapKeyRequest(await createKeyId(gateway), ciphertext),
        );
        expect(other).toMatchObject({ code: "INVALID_ARGUMENT", reason: "CIPHERTEXT_REJECTED" });
        expect(second).not.toBe(first);
      },
    );

    test("CreateKey imports a standard key and GetKeyMaterial returns the same bytes", async () => {
      await using gateway = await start();
      const material = gateway.secrets.bytes(1_000);
      const keyId = await createKeyId(gateway, {
        type: KeyType.STANDARD,
        material: plainMaterial(material),
      });
      const { key, keyMaterial } = await gateway.call(gateway.clients.keys, "getKeyMaterial", {
        keyId,
      });
      expect(keyMaterial.equals(material)).toBe(true);
      expect(key).toMatchObject({ id: keyId, imported: true, type: KeyType.STANDARD });
    });

    test("CreateKey names all errors of a request and sends nothing upstream", async () => {
      await using gateway = await start();
      const failure = await gateway.failure(
        gateway.clients.keys,
        "createKey",
        createKeyRequest({
          name: "x",
          type: KeyType.UNSPECIFIED,
          tags: ["a,b"],
          expireTime: new Date(0),
          requestId: "not a uuid",
        }),
      );
      expect(failure).toMatchObject({ code: "INVALID_ARGUMENT", reason: "REQUEST_INVALID" });
      expect(failure.badRequest?.fieldViolations.map(({ field }) => field)).toEqual([
        "name",
        "type",
        "tags[0]",
        "expire_time",
        "request_id",
      ]);
      expect(gateway.upstreamRequests()).toEqual([]);
    });
  });

  describe("GetKey, GetKeyMaterial and CountKeys", () => {
    test("GetKey returns metadata and no material of a standard key", async () => {
      await using gateway = await start();
      const material = gateway.secrets.bytes(48);
      const keyId = await createKeyId(gateway, {
        type: KeyType.STANDARD,
        material: plainMaterial(material),
      });
      const { key } = await gateway.call(gateway.clients.keys, "getKey", { keyId });
      expect(key).toMatchObject({ id: keyId, name: "orders", type: KeyType.STANDARD });
      expect(JSON.stringify(key)).not.toContain(material.toString("base64"));
      expect(requestsSince(gateway, 1)).toEqual([`GET ${metadataPath(keyId)}`]);
    });

    test("GetKeyMaterial rejects root keys, whose material never leaves Key Protect", async () => {
      await using gateway = await start();
      const keyId = await createKeyId(gateway);
      const failure = await gateway.failure(gateway.clients.keys, "getKeyMaterial", { keyId });
      expect(failure).toMatchObject({ code: "INVALID_ARGUMENT", reason: "KEY_TYPE_MISMATCH" });
      expect(failure.resourceInfo).toMatchObject({ resourceName: keyId });
    });

    test("an unknown key gets NOT_FOUND with the key and its instance", async () => {
      await using gateway = await start();
      const { keys, actions, policies } = gateway.clients;
      const ciphertext = Buffer.alloc(48, 1);
      const failures = [
        await gateway.failure(keys, "getKey", { keyId: unknownId }),
        await gateway.failure(keys, "getKeyMaterial", { keyId: unknownId }),
        await gateway.failure(keys, "deleteKey", deleteKeyRequest(unknownId)),
        await gateway.failure(actions, "wrapKey", wrapKeyRequest(unknownId, Buffer.from("text"))),
        await gateway.failure(actions, "generateDataKey", generateDataKeyRequest(unknownId)),
        await gateway.failure(actions, "unwrapKey", unwrapKeyRequest(unknownId, ciphertext)),
        await gateway.failure(actions, "rotateKey", rotateKeyRequest(unknownId)),
        await gateway.failure(policies, "getKeyPolicies", { keyId: unknownId }),
        await gateway.failure(policies, "replaceKeyPolicies", {
          keyId: unknownId,
          policies: [rotationPolicy(1)],
        }),
      ];
      for (const failure of failures) {
        expect(failure).toMatchObject({ code: "NOT_FOUND", reason: "KEY_NOT_FOUND" });
        expect(failure.resourceInfo).toMatchObject({
          resourceType: "keyprotect.v1.Key",
          resourceName: unknownId,
          description: 'looked up in instance "default"',
        });
        expect(failure.errorInfo?.metadata).toMatchObject({
          httpStatus: "404",
          upstreamReason: hasReasons ? "KEY_NOT_FOUND_ERR" : "",
          attempts: "1",
          mayHaveExecuted: "false",
        });
      }
    });

    test("CountKeys counts creations and deletions with a HEAD request", async () => {
      await using gateway = await start();
      const { keys } = gateway.clients;
      expect(await gateway.call(keys, "countKeys", {})).toEqual({ totalSize: 0 });
      const keyId = await createKeyId(gateway);
      await createKeyId(gateway, { type: KeyType.STANDARD });
      expect(await gateway.call(keys, "countKeys", {})).toEqual({ totalSize: 2 });
      await gateway.call(keys, "deleteKey", deleteKeyRequest(keyId));
      expect(await gateway.call(keys, "countKeys", {})).toEqual({ totalSize: 1 });
      expect(gateway.upstreamRequests()[0]).toBe("HEAD /api/v2/keys");
    });
  });

  describe("DeleteKey", () => {
    test("DeleteKey returns the key ID, or the deleted key if a representation is requested", async () => {
      await using gateway = await start();
      const { keys } = gateway.clients;
      const first = await createKeyId(gateway);
      const minimal = await gateway.call(keys, "deleteKey", deleteKeyRequest(first));
      expect(minimal.key).toMatchObject({ id: first, name: "" });
      const second = await createKeyId(gateway, { name: "second" });
      const full = await gateway.call(keys, "deleteKey", deleteKeyRequest(second, representation));
      expect(full.key).toMatchObject({ id: second, name: "second", state: KeyState.DESTROYED });
      expect(full.key?.deleteTime).toBeInstanceOf(Date);
      expect(full.key?.deletedBy).not.toBe("");
      const deletions = gateway.emulator.requests.list({ operation: "deleteKey" });
      expect(deletions.map(({ headers }) => headers["prefer"])).toEqual([
        "return=minimal",
        "return=representation",
      ]);
      expect(deletions.map(({ method, path, query }) => `${method} ${path}${query}`)).toEqual([
        `DELETE ${keyPath(first)}`,
        `DELETE ${keyPath(second)}`,
      ]);
    });

    test("DeleteKey of a deleted or unknown key gets NOT_FOUND, or OK with allow_missing", async () => {
      await using gateway = await start();
      const { keys } = gateway.clients;
      const keyId = await createKeyId(gateway);
      await gateway.call(keys, "deleteKey", deleteKeyRequest(keyId));
      const again = await gateway.failure(keys, "deleteKey", deleteKeyRequest(keyId));
      expect(again).toMatchObject({ code: "NOT_FOUND", reason: "KEY_DELETED" });
      for (const id of [keyId, unknownId]) {
        const { key } = await gateway.call(
          keys,
          "deleteKey",
          deleteKeyRequest(id, { allowMissing: true, ...representation }),
        );
        expect(key).toMatchObject({ id });
      }
    });

    test("calls that use a deleted key get FAILED_PRECONDITION", async () => {
      await using gateway = await start();
      const { keys, actions } = gateway.clients;
      const keyId = await createKeyId(gateway);
      const { ciphertext } = await gateway.call(
        actions,
        "wrapKey",
        wrapKeyRequest(keyId, gateway.secrets.bytes(32)),
      );
      await gateway.call(keys, "deleteKey", deleteKeyRequest(keyId));
      const failures = [
        await gateway.failure(actions, "wrapKey", wrapKeyRequest(keyId, gateway.secrets.bytes(32))),
        await gateway.failure(actions, "unwrapKey", unwrapKeyRequest(keyId, ciphertext)),
        await gateway.failure(actions, "rotateKey", rotateKeyRequest(keyId)),
      ];
      for (const failure of failures) {
        expect(failure).toMatchObject({ code: "FAILED_PRECONDITION", reason: "KEY_DELETED" });
        expect(failure.preconditionFailure?.violations).toMatchObject([
          { type: "KEY_DELETED", subject: `keys/${keyId}` },
        ]);
      }
      const { key } = await gateway.call(keys, "getKey", { keyId });
      expect(key?.state).toBe(KeyState.DESTROYED);
    });

    test("DeleteKey fails for a key that protects a cloud resource", async () => {
      await using gateway = await start();
      const keyId = await createKeyId(gateway);
      gateway.emulator.register({
        keyId,
        resourceCrn: "crn:v1:bluemix:public:cloud-object-storage:global:a/1:2:bucket:3",
      });
      const failure = await gateway.failure(
        gateway.clients.keys,
        "deleteKey",
        deleteKeyRequest(keyId),
      );
      expect(failure.code).toBe("FAILED_PRECONDITION");
      expect(failure.reason).toBe(hasReasons ? "KEY_PROTECTS_RESOURCES" : "KEY_STATE_INVALID");
    });
  });

  describe("WrapKey, GenerateDataKey and UnwrapKey", () => {
    test.each([
      ["without additional data", []],
      ["with additional data", ["payments", "", "größer"]],
    ])("an unwrap returns the wrapped plaintext, %s", async (_name, aad) => {
      await using gateway = await start();
      const { actions } = gateway.clients;
      const keyId = await createKeyId(gateway);
      const plaintext = gateway.secrets.bytes(3_072);
      const before = gateway.upstreamRequests().length;
      const wrapped = await gateway.call(
        actions,
        "wrapKey",
        wrapKeyRequest(keyId, plaintext, [...aad]),
      );
      const unwrapped = await gateway.call(
        actions,
        "unwrapKey",
        unwrapKeyRequest(keyId, wrapped.ciphertext, [...aad]),
      );
      expect(unwrapped.plaintext.equals(plaintext)).toBe(true);
      expect(unwrapped.rewrappedCiphertext).toHaveLength(0);
      expect(unwrapped.rewrappedKeyVersionId).toBe("");
      expect(wrapped.keyVersionId === "").toBe(!hasKeyVersions);
      expect(requestsSince(gateway, before)).toEqual([
        `POST ${actionPath(keyId, "wrap")}`,
        `POST ${actionPath(keyId, "unwrap")}`,
      ]);
      const failure = await gateway.failure(
        actions,
        "unwrapKey",
        unwrapKeyRequest(keyId, wrapped.ciphertext, [...aad, "another"]),
      );
      expect(failure).toMatchObject({ code: "INVALID_ARGUMENT", reason: "CIPHERTEXT_REJECTED" });
    });

    test("GenerateDataKey returns a new key and its ciphertext, which unwraps to the key", async () => {
      await using gateway = await start();
      const { actions } = gateway.clients;
      const keyId = await createKeyId(gateway);
      const request = generateDataKeyRequest(keyId, { additionalAuthenticatedData: ["orders"] });
      const [one, two] = [
        await gateway.call(actions, "generateDataKey", request),
        await gateway.call(actions, "generateDataKey", request),
      ];
      for (const generated of [one, two]) {
        gateway.secrets.mark(Buffer.from(generated.plaintext));
        expect(generated.plaintext).toHaveLength(32);
        const unwrapped = await gateway.call(
          actions,
          "unwrapKey",
          unwrapKeyRequest(keyId, generated.ciphertext, ["orders"]),
        );
        expect(unwrapped.plaintext.equals(generated.plaintext)).toBe(true);
      }
      expect(one.plaintext.equals(two.plaintext)).toBe(false);
    });

    test("GenerateDataKey omits the plaintext on request", async () => {
      await using gateway = await start();
      const { actions } = gateway.clients;
      const keyId = await createKeyId(gateway);
      const generated = await gateway.call(
        actions,
        "generateDataKey",
        generateDataKeyRequest(keyId, { omitPlaintext: true }),
      );
      expect(generated.plaintext).toHaveLength(0);
      const unwrapped = await gateway.call(
        actions,
        "unwrapKey",
        unwrapKeyRequest(keyId, generated.ciphertext),
      );
      gateway.secrets.mark(Buffer.from(unwrapped.plaintext));
      expect(unwrapped.plaintext).toHaveLength(32);
    });

    test("a damaged ciphertext is rejected without details of the damage", async () => {
      await using gateway = await start();
      const { actions } = gateway.clients;
      const keyId = await createKeyId(gateway);
      const { ciphertext } = await gateway.call(
        actions,
        "wrapKey",
        wrapKeyRequest(keyId, gateway.secrets.bytes(32)),
      );
      const text = ciphertext.toString("utf8");
      const flipped = Buffer.from(
        text.replace(/("ciphertext":")(.)/, (_all, head: string, first: string) =>
          head.concat(first === "A" ? "B" : "A"),
        ),
      );
      expect(flipped.equals(ciphertext)).toBe(false);
      const noise = Buffer.from("not a ciphertext of Key Protect");
      const [ofFlipped, ofNoise] = [
        await gateway.failure(actions, "unwrapKey", unwrapKeyRequest(keyId, flipped)),
        await gateway.failure(actions, "unwrapKey", unwrapKeyRequest(keyId, noise)),
      ];
      expect(ofFlipped).toMatchObject({ code: "INVALID_ARGUMENT", reason: "CIPHERTEXT_REJECTED" });
      expect(ofNoise).toMatchObject({
        code: ofFlipped.code,
        reason: hasReasons ? ofFlipped.reason : "REQUEST_INVALID",
      });
    });

    test("a wrap by a standard key is rejected", async () => {
      await using gateway = await start();
      const keyId = await createKeyId(gateway, { type: KeyType.STANDARD });
      const failure = await gateway.failure(
        gateway.clients.actions,
        "wrapKey",
        wrapKeyRequest(keyId, gateway.secrets.bytes(32)),
      );
      expect(failure.code).toBe("INVALID_ARGUMENT");
      expect(failure.reason).toBe(hasReasons ? "KEY_TYPE_MISMATCH" : "REQUEST_INVALID");
    });
  });

  describe("RotateKey", () => {
    test("RotateKey creates a version, and ciphertexts of the old version are returned rewrapped", async () => {
      await using gateway = await start();
      const { actions } = gateway.clients;
      const keyId = await createKeyId(gateway);
      const plaintext = gateway.secrets.bytes(32);
      const aad = ["orders"];
      const old = await gateway.call(actions, "wrapKey", wrapKeyRequest(keyId, plaintext, aad));
      const before = gateway.upstreamRequests().length;
      const rotated = await gateway.call(actions, "rotateKey", rotateKeyRequest(keyId));
      expect(rotated).toMatchObject({ key: { id: keyId, name: "" }, replayed: false });
      expect(requestsSince(gateway, before)).toEqual([`POST ${actionPath(keyId, "rotate")}`]);

      const ofOld = await gateway.call(
        actions,
        "unwrapKey",
        unwrapKeyRequest(keyId, old.ciphertext, aad),
      );
      expect(ofOld.plaintext.equals(plaintext)).toBe(true);
      expect(ofOld.rewrappedCiphertext.length).toBeGreaterThan(0);
      const now = await gateway.call(actions, "wrapKey", wrapKeyRequest(keyId, plaintext, aad));
      expect(ofOld.rewrappedKeyVersionId).toBe(now.keyVersionId);
      expect(ofOld.rewrappedKeyVersionId === "").toBe(!hasKeyVersions);

      const ofNew = await gateway.call(
        actions,
        "unwrapKey",
        unwrapKeyRequest(keyId, ofOld.rewrappedCiphertext, aad),
      );
      expect(ofNew.plaintext.equals(plaintext)).toBe(true);
      expect(ofNew.rewrappedCiphertext).toHaveLength(0);
    });

    test("RewrapKey brings a ciphertext to the newest version without a plaintext", async () => {
      await using gateway = await start();
      const { actions } = gateway.clients;
      const keyId = await createKeyId(gateway);
      const plaintext = gateway.secrets.bytes(32);
      const old = await gateway.call(actions, "wrapKey", wrapKeyRequest(keyId, plaintext, ["a"]));
      await gateway.call(actions, "rotateKey", rotateKeyRequest(keyId));
      const before = gateway.upstreamRequests().length;
      const request = rewrapKeyRequest(keyId, old.ciphertext, ["a"]);
      if (!isCurrent) {
        expect(await gateway.failure(actions, "rewrapKey", request)).toMatchObject({
          code: "UNIMPLEMENTED",
          reason: "OPERATION_UNSUPPORTED",
        });
        expect(requestsSince(gateway, before)).toEqual([]);
        return;
      }
      const rewrapped = await gateway.call(actions, "rewrapKey", request);
      expect(requestsSince(gateway, before)).toEqual([`POST ${actionPath(keyId, "rewrap")}`]);
      expect(rewrapped.previousKeyVersionId).toBe(old.keyVersionId);
      expect(rewrapped.keyVersionId).not.toBe(old.keyVersionId);
      const unwrapped = await gateway.call(
        actions,
        "unwrapKey",
        unwrapKeyRequest(keyId, rewrapped.ciphertext, ["a"]),
      );
      expect(unwrapped.plaintext.equals(plaintext)).toBe(true);
      expect(unwrapped.rewrappedCiphertext).toHaveLength(0);

      const again = await gateway.call(
        actions,
        "rewrapKey",
        rewrapKeyRequest(keyId, rewrapped.ciphertext, ["a"]),
      );
      expect(again.previousKeyVersionId).toBe(again.keyVersionId);
      const wrong = rewrapKeyRequest(keyId, old.ciphertext, ["b"]);
      expect(await gateway.failure(actions, "rewrapKey", wrong)).toMatchObject({
        code: "INVALID_ARGUMENT",
        reason: "CIPHERTEXT_REJECTED",
      });
    });

    test("a second RotateKey within an hour fails, and succeeds an hour later", async () => {
      await using gateway = await start();
      const { actions } = gateway.clients;
      const keyId = await createKeyId(gateway);
      await gateway.call(actions, "rotateKey", rotateKeyRequest(keyId));
      const failure = await gateway.failure(actions, "rotateKey", rotateKeyRequest(keyId));
      expect(failure.code).toBe("FAILED_PRECONDITION");
      expect(failure.reason).toBe(hasReasons ? "KEY_ROTATED_RECENTLY" : "KEY_STATE_INVALID");
      if (hasReasons) expect(failure.retryInfo?.retryDelay?.seconds).toBe(3_600n);
      gateway.emulator.clock.advance(hourMs);
      const rotated = await gateway.call(
        actions,
        "rotateKey",
        rotateKeyRequest(keyId, representation),
      );
      expect(rotated.key).toMatchObject({ id: keyId, name: "orders", type: KeyType.ROOT });
      expect(rotated.key?.lastRotateTime).toBeInstanceOf(Date);
      expect(gateway.upstreamRequests().slice(-2)).toEqual([
        `POST ${actionPath(keyId, "rotate")}`,
        `GET ${metadataPath(keyId)}`,
      ]);
    });

    test("RotateKey of an imported key requires new material, and old ciphertexts can still be unwrapped", async () => {
      await using gateway = await start();
      const { actions } = gateway.clients;
      const keyId = await createKeyId(gateway, {
        material: plainMaterial(gateway.secrets.bytes(32)),
      });
      const plaintext = gateway.secrets.bytes(32);
      const { ciphertext } = await gateway.call(
        actions,
        "wrapKey",
        wrapKeyRequest(keyId, plaintext),
      );
      const failure = await gateway.failure(actions, "rotateKey", rotateKeyRequest(keyId));
      expect(failure.code).toBe("INVALID_ARGUMENT");
      expect(failure.reason).toBe(hasReasons ? "KEY_MATERIAL_REQUIRED" : "REQUEST_INVALID");

      const fresh = gateway.secrets.bytes(24);
      await gateway.call(
        actions,
        "rotateKey",
        rotateKeyRequest(keyId, { material: plainMaterial(fresh) }),
      );
      const unwrapped = await gateway.call(
        actions,
        "unwrapKey",
        unwrapKeyRequest(keyId, ciphertext),
      );
      expect(unwrapped.plaintext.equals(plaintext)).toBe(true);
      expect(unwrapped.rewrappedCiphertext.length).toBeGreaterThan(0);
    });
  });

  describe("policies", () => {
    test("a rotation policy can be set, changed and read", async () => {
      await using gateway = await start();
      const { policies } = gateway.clients;
      const keyId = await createKeyId(gateway);
      expect(await gateway.call(policies, "getKeyPolicies", { keyId })).toEqual({ policies: [] });
      const set = await gateway.call(policies, "replaceKeyPolicies", {
        keyId,
        policies: [rotationPolicy(3)],
      });
      expect(set.policies).toMatchObject([
        { kind: { $case: "rotation", value: { intervalMonths: 3 } } },
      ]);
      expect(set.policies[0]?.createTime).toBeInstanceOf(Date);
      await gateway.call(policies, "replaceKeyPolicies", { keyId, policies: [rotationPolicy(12)] });
      const read = await gateway.call(policies, "getKeyPolicies", { keyId });
      expect(read.policies).toMatchObject([
        { kind: { $case: "rotation", value: { intervalMonths: 12 } } },
      ]);
      const methods = gateway.upstreamRequests().filter((line) => line.endsWith("/policies"));
      expect(new Set(methods)).toEqual(
        new Set([`GET ${keyPath(keyId)}/policies`, `PUT ${keyPath(keyId)}/policies`]),
      );
    });

    // The dialect of 2019 has rotation policies only, and cannot disable them.
    if (isCurrent) {
      test("a rotation policy can be disabled, seen as disabled, and enabled again", async () => {
        await using gateway = await start();
        const { policies } = gateway.clients;
        const keyId = await createKeyId(gateway);
        const replace = async (...policy: Parameters<typeof rotationPolicy>) => {
          const replaced = [rotationPolicy(...policy)];
          const set = await gateway.call(policies, "replaceKeyPolicies", {
            keyId,
            policies: replaced,
          });
          const read = await gateway.call(policies, "getKeyPolicies", { keyId });
          expect(set).toEqual(read);
          return read.policies.map(({ kind }) => kind);
        };
        expect(await replace(3)).toEqual(shownRotation(true, 3));
        expect(await replace(0, false)).toEqual(shownRotation(false, 3));
        expect(await replace(5, false)).toEqual(shownRotation(false, 5));
        expect(await replace(0, true)).toEqual(shownRotation(true, 5));
        expect(await replace(2, true)).toEqual(shownRotation(true, 2));
      });

      test("a changed policy is answered with the policies of other kinds", async () => {
        await using gateway = await start();
        const { policies } = gateway.clients;
        const keyId = await createKeyId(gateway);
        const replace = async (policy: ReturnType<typeof rotationPolicy>) =>
          gateway.call(policies, "replaceKeyPolicies", { keyId, policies: [policy] });
        await replace(rotationPolicy(3));
        const set = await replace(dualAuthPolicy(true));
        expect(
          set.policies.map(({ kind }) => kind?.$case ?? "").toSorted((a, b) => (a < b ? -1 : 1)),
        ).toEqual(["dualAuthDelete", "rotation"]);
      });
    }

    if (!isCurrent) {
      const keyType = "application/vnd.ibm.kms.key+json";
      const metadata = { collectionType: keyType, collectionTotal: 1 };
      test.each<[string, object]>([
        ["with a list of metadata", { metadata: [{ ...metadata, collectionType: policyType }] }],
        ["as a collection of keys", { metadata }],
        ["as a collection of keys with a list of metadata", { metadata: [metadata] }],
      ])("policies that Key Protect answers %s are read", async (_form, patch) => {
        await using gateway = await start();
        const { policies } = gateway.clients;
        const keyId = await createKeyId(gateway);
        const action = { kind: "rewrite", patch: { ...patch } } as const;
        gateway.emulator.faults.add({ match: { path: "*/policies" }, action });
        const request = { keyId, policies: [rotationPolicy(3)] };
        const set = await gateway.call(policies, "replaceKeyPolicies", request);
        expect(set.policies.map(({ kind }) => kind)).toEqual(shownRotation(true, 3));
        expect(await gateway.call(policies, "getKeyPolicies", { keyId })).toEqual(set);
      });

      test("the dialect of 2019 refuses to disable a rotation policy, sending nothing", async () => {
        await using gateway = await start();
        const { policies } = gateway.clients;
        const keyId = await createKeyId(gateway);
        const before = gateway.upstreamRequests().length;
        for (const policy of [rotationPolicy(0, false), rotationPolicy(3, false)]) {
          const request = { keyId, policies: [policy] };
          expect(await gateway.failure(policies, "replaceKeyPolicies", request)).toMatchObject({
            code: "UNIMPLEMENTED",
            reason: "OPERATION_UNSUPPORTED",
          });
        }
        expect(requestsSince(gateway, before)).toEqual([]);
      });
    }

    test("a key with a dual authorization policy can be deleted only by two users", async () => {
      await using gateway = await start();
      const { keys, policies } = gateway.clients;
      const keyId = await createKeyId(gateway);
      const request = { keyId, policies: [rotationPolicy(1), dualAuthPolicy(true)] };
      if (!isCurrent) {
        const before = gateway.upstreamRequests().length;
        const failure = await gateway.failure(policies, "replaceKeyPolicies", request);
        expect(failure).toMatchObject({ code: "UNIMPLEMENTED", reason: "OPERATION_UNSUPPORTED" });
        expect(requestsSince(gateway, before)).toEqual([]);
        return;
      }
      const set = await gateway.call(policies, "replaceKeyPolicies", request);
      expect(new Set(set.policies.map(({ kind }) => kind?.$case))).toEqual(
        new Set(["dualAuthDelete", "rotation"]),
      );
      const alone = await gateway.failure(keys, "deleteKey", deleteKeyRequest(keyId));
      expect(alone).toMatchObject({ code: "FAILED_PRECONDITION", reason: "DUAL_AUTH_REQUIRED" });

      const { emulator } = gateway;
      const authorize = async (user = emulator.users[0]): Promise<number> => {
        if (user === undefined) throw new Error("the emulator has too few users");
        const { accessToken } = emulator.tokens.issue(user);
        const answer = await fetch(`${emulator.url}${keyPath(keyId)}/actions/setKeyForDeletion`, {
          method: "POST",
          headers: {
            authorization: `Bearer ${accessToken}`,
            "bluemix-instance": emulator.instanceId,
          },
        });
        return answer.status;
      };
      // The first user is the gateway's own, so its second authorization does not count.
      expect(await authorize(emulator.users[0])).toBe(204);
      const twice = await gateway.failure(keys, "deleteKey", deleteKeyRequest(keyId));
      expect(twice.reason).toBe("DUAL_AUTH_REQUIRED");
      expect(await authorize(emulator.users[1])).toBe(204);
      const { key } = await gateway.call(keys, "deleteKey", deleteKeyRequest(keyId));
      expect(key).toMatchObject({ id: keyId });
    });
  });

  describe("lockers", () => {
    test("a locker can be created, listed if listing is free, and retrieved until no retrieval is left", async () => {
      await using gateway = await start();
      const { lockers } = gateway.clients;
      const { locker } = await gateway.call(lockers, "createLocker", {
        ttl: { seconds: 1_200n, nanos: 0 },
        maxAllowedRetrievals: 2,
      });
      const lockerId = locker?.id ?? "";
      expect(locker).toMatchObject({ maxAllowedRetrievals: 2, remainingRetrievals: 2 });
      const livesMs = (locker?.expireTime?.getTime() ?? 0) - (locker?.createTime?.getTime() ?? 0);
      expect(livesMs).toBe(1_200_000);

      const before = gateway.upstreamRequests().length;
      const request = { pageSize: 0, pageToken: "" };
      if (isCurrent) {
        const failure = await gateway.failure(lockers, "listLockers", request);
        expect(failure).toMatchObject({ code: "UNIMPLEMENTED", reason: "OPERATION_UNSUPPORTED" });
        expect(requestsSince(gateway, before)).toEqual([]);
      } else {
        const listed = await gateway.call(lockers, "listLockers", request);
        expect(listed).toEqual({ lockers: [locker], nextPageToken: "" });
        expect(requestsSince(gateway, before)).toEqual(["GET /api/v2/lockers"]);
      }

      const retrieved = await gateway.call(lockers, "retrieveLocker", { lockerId });
      gateway.secrets.mark(Buffer.from(retrieved.nonce));
      gateway.secrets.mark(Buffer.from(retrieved.importToken));
      expect(retrieved.locker).toEqual({ ...locker, remainingRetrievals: 1 });
      expect(retrieved.publicKey.length).toBeGreaterThan(500);
      expect(retrieved.nonce).toHaveLength(isCurrent ? 12 : 0);
      expect(retrieved.importToken.length > 0).toBe(!isCurrent);
      await gateway.call(lockers, "retrieveLocker", { lockerId });
      const failure = await gateway.failure(lockers, "retrieveLocker", { lockerId });
      const isGone = profile === "2019";
      expect(failure.code).toBe(isGone ? "NOT_FOUND" : "FAILED_PRECONDITION");
      expect(failure.reason).toBe(isGone ? "LOCKER_NOT_FOUND" : "IMPORT_TOKEN_EXPIRED");
      const path = isCurrent ? "/api/v2/import_token" : "/api/v2/lockers";
      expect(gateway.upstreamRequests()[0]).toBe(`POST ${path}`);
      expect(gateway.upstreamRequests().at(-1)).toBe(
        isCurrent ? `GET ${path}` : `GET ${path}/${lockerId}`,
      );
    });

    test("an instance without a locker has none to retrieve and an empty list, if the dialect has lists", async () => {
      await using gateway = await start();
      const { lockers } = gateway.clients;
      const failure = await gateway.failure(lockers, "retrieveLocker", { lockerId: unknownId });
      expect(failure).toMatchObject({ code: "NOT_FOUND", reason: "LOCKER_NOT_FOUND" });
      expect(failure.resourceInfo?.resourceName).toBe(unknownId);
      const listed = await gateway.outcome(lockers, "listLockers", { pageSize: 0, pageToken: "" });
      expect(listed.response?.lockers).toEqual(isCurrent ? undefined : []);
    });
  });

  test("every upstream request names the instance and carries a token", async () => {
    await using gateway = await start();
    const keyId = await createKeyId(gateway);
    await gateway.call(gateway.clients.keys, "getKey", { keyId });
    await gateway.call(gateway.clients.keys, "listKeys", { pageSize: 3, pageToken: "", skip: 0 });
    const sent = gateway.emulator.requests.list({ service: "keyprotect" });
    expect(sent).toHaveLength(3);
    for (const { headers } of sent) {
      expect(headers["bluemix-instance"]).toBe(gateway.emulator.instanceId);
      expect(String(headers["authorization"])).toMatch(/^Bearer sha256:/);
    }
    expect(gateway.upstreamRequests().at(-1)).toBe("GET /api/v2/keys?limit=4&offset=0");
  });
});
