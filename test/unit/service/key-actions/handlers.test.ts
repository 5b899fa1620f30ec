import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { ReturnPreference, KeyState } from "../../../../src/gen/keyprotect/v1/key.ts";
import type {
  RotateKeyRequest,
  WrapKeyRequest,
} from "../../../../src/gen/keyprotect/v1/key_actions_service.ts";
import type { WrapResult } from "../../../../src/keyprotect/resources.ts";
import { createKeyActionsHandlers } from "../../../../src/service/key-actions/handlers.ts";
import { UpstreamError } from "../../../../src/upstream/error.ts";
import { callContext } from "../../../support/call-context.ts";
import {
  failure,
  fakeKeyProtect,
  keyId,
  keyResource,
  rejected,
  unknownPreference,
  violationsOf,
} from "../fake-key-protect.ts";

const none = Buffer.alloc(0);
const wrapped = Buffer.from("wrapped");
const versionId = "5c9b0a64-3f43-4a55-9d0b-0d6f4f4f2a33";

const wrapRequest = (overrides: Partial<WrapKeyRequest> = {}): WrapKeyRequest => ({
  keyId,
  plaintext: Buffer.from("plain"),
  additionalAuthenticatedData: ["a", "b"],
  ...overrides,
});

describe("WrapKey", () => {
  const context = callContext("WrapKey");
  const result: WrapResult = { plaintext: undefined, ciphertext: wrapped, keyVersionId: versionId };

  test("wraps with the additional data in its order, and wipes the plaintext", async () => {
    const fake = fakeKeyProtect({ wrapKey: async () => result });
    const asked = wrapRequest();
    const answer = await createKeyActionsHandlers(fake.deps).wrapKey(asked, context);
    expect(answer).toEqual({ ciphertext: wrapped, keyVersionId: versionId });
    expect(fake.calls).toEqual([
      ["wrapKey", keyId, { plaintext: Buffer.from("plain"), aad: ["a", "b"] }],
    ]);
    expect(asked.plaintext).toEqual(Buffer.alloc(5));
  });

  test("wipes the plaintext of a call that fails", async () => {
    const { deps } = fakeKeyProtect({ wrapKey: () => Promise.reject(rejected(409)) });
    const asked = wrapRequest();
    const error = await failure(createKeyActionsHandlers(deps).wrapKey(asked, context));
    expect(error.reason).toBe("KEY_STATE_INVALID");
    expect(asked.plaintext).toEqual(Buffer.alloc(5));
  });

  test("wipes a plaintext that comes back", async () => {
    const plaintext = Buffer.from("plain");
    const { deps } = fakeKeyProtect({ wrapKey: async () => ({ ...result, plaintext }) });
    await createKeyActionsHandlers(deps).wrapKey(wrapRequest(), context);
    expect(plaintext).toEqual(Buffer.alloc(5));
  });

  test("leaves the version empty where the upstream names none", async () => {
    const { deps } = fakeKeyProtect({
      wrapKey: async () => ({ ...result, keyVersionId: undefined }),
    });
    const answer = await createKeyActionsHandlers(deps).wrapKey(wrapRequest(), context);
    expect(answer.keyVersionId).toBe("");
  });

  test.each<[string, Partial<WrapKeyRequest>, string[]]>([
    ["no plaintext", { plaintext: none }, ["plaintext REQUIRED"]],
    ["3073 bytes", { plaintext: Buffer.alloc(3_073) }, ["plaintext TOO_LONG"]],
    [
      "127 additional texts",
      { additionalAuthenticatedData: Array.from({ length: 127 }, () => "") },
      ["additional_authenticated_data TOO_MANY"],
    ],
    [
      "additional texts that are too long or malformed",
      { additionalAuthenticatedData: ["a".repeat(256), "", "\udc00"] },
      [
        "additional_authenticated_data[0] TOO_LONG",
        "additional_authenticated_data[2] MALFORMED_UNICODE",
      ],
    ],
    [
      "a bad key ID and no plaintext",
      { keyId: "", plaintext: none },
      ["key_id REQUIRED", "plaintext REQUIRED"],
    ],
  ])("refuses %s", async (_name, overrides, expected) => {
    const fake = fakeKeyProtect({});
    const call = createKeyActionsHandlers(fake.deps).wrapKey(wrapRequest(overrides), context);
    expect(await violationsOf(call)).toEqual(expected);
    expect(fake.calls).toEqual([]);
  });

  test("points a caller without plaintext to GenerateDataKey", async () => {
    const { deps } = fakeKeyProtect({});
    const call = createKeyActionsHandlers(deps).wrapKey(wrapRequest({ plaintext: none }), context);
    expect((await failure(call)).message).toContain("GenerateDataKey");
  });

  test("accepts the largest plaintext and additional data", async () => {
    const { deps } = fakeKeyProtect({ wrapKey: async () => result });
    const call = createKeyActionsHandlers(deps).wrapKey(
      wrapRequest({
        plaintext: Buffer.alloc(3_072),
        additionalAuthenticatedData: Array.from({ length: 126 }, () => "ü".repeat(255)),
      }),
      context,
    );
    await expect(call).resolves.toMatchObject({ ciphertext: wrapped });
  });
});

const generated = (plaintext: Buffer | undefined): WrapResult => ({
  plaintext,
  ciphertext: wrapped,
  keyVersionId: versionId,
});

describe("GenerateDataKey", () => {
  const context = callContext("GenerateDataKey");
  const request = { keyId, additionalAuthenticatedData: ["a"], omitPlaintext: false };

  test("returns both forms of the data key", async () => {
    const fake = fakeKeyProtect({ wrapKey: async () => generated(Buffer.from("dek")) });
    const answer = await createKeyActionsHandlers(fake.deps).generateDataKey(request, context);
    expect(answer).toEqual({
      plaintext: Buffer.from("dek"),
      ciphertext: wrapped,
      keyVersionId: versionId,
    });
    expect(fake.calls).toEqual([["wrapKey", keyId, { aad: ["a"] }]]);
  });

  test("drops and wipes the plaintext if it is to be omitted", async () => {
    const plaintext = Buffer.from("dek");
    const { deps } = fakeKeyProtect({ wrapKey: async () => generated(plaintext) });
    const answer = await createKeyActionsHandlers(deps).generateDataKey(
      { ...request, omitPlaintext: true },
      context,
    );
    expect(answer.plaintext).toEqual(none);
    expect(plaintext).toEqual(Buffer.alloc(3));
  });

  test.each([undefined, none])("fails if the data key is missing (%s)", async (plaintext) => {
    const { deps } = fakeKeyProtect({ wrapKey: async () => generated(plaintext) });
    const error = await failure(createKeyActionsHandlers(deps).generateDataKey(request, context));
    expect([error.code, error.reason]).toEqual([status.INTERNAL, "UPSTREAM_BAD_RESPONSE"]);
  });

  test("validates ID and additional data", async () => {
    const { deps } = fakeKeyProtect({});
    const call = createKeyActionsHandlers(deps).generateDataKey(
      { keyId: "rotate", additionalAuthenticatedData: ["\ufffd"], omitPlaintext: false },
      context,
    );
    expect(await violationsOf(call)).toEqual([
      "key_id RESERVED_WORD",
      "additional_authenticated_data[0] MALFORMED_UNICODE",
    ]);
  });
});

describe("UnwrapKey", () => {
  const context = callContext("UnwrapKey");
  const request = { keyId, ciphertext: wrapped, additionalAuthenticatedData: [] };

  test("returns the plaintext", async () => {
    const fake = fakeKeyProtect({
      unwrapKey: async () => ({
        plaintext: Buffer.from("plain"),
        rewrappedCiphertext: undefined,
        rewrappedKeyVersionId: undefined,
      }),
    });
    const answer = await createKeyActionsHandlers(fake.deps).unwrapKey(request, context);
    expect(answer).toEqual({
      plaintext: Buffer.from("plain"),
      rewrappedCiphertext: none,
      rewrappedKeyVersionId: "",
    });
    expect(fake.calls).toEqual([["unwrapKey", keyId, { ciphertext: wrapped, aad: [] }]]);
  });

  test("hands on what was wrapped anew", async () => {
    const { deps } = fakeKeyProtect({
      unwrapKey: async () => ({
        plaintext: Buffer.from("plain"),
        rewrappedCiphertext: Buffer.from("newer"),
        rewrappedKeyVersionId: versionId,
      }),
    });
    const answer = await createKeyActionsHandlers(deps).unwrapKey(request, context);
    expect(answer).toMatchObject({
      rewrappedCiphertext: Buffer.from("newer"),
      rewrappedKeyVersionId: versionId,
    });
  });

  test.each([
    [none, "REQUIRED"],
    [Buffer.alloc(16_385), "TOO_LONG"],
  ])("refuses a ciphertext of the wrong length", async (ciphertext, reason) => {
    const { deps } = fakeKeyProtect({});
    const call = createKeyActionsHandlers(deps).unwrapKey({ ...request, ciphertext }, context);
    expect(await violationsOf(call)).toEqual([`ciphertext ${reason}`]);
  });
});

const rotateRequest = (overrides: Partial<RotateKeyRequest> = {}): RotateKeyRequest => ({
  keyId,
  material: undefined,
  requestId: "",
  returnPreference: ReturnPreference.UNSPECIFIED,
  ...overrides,
});

const rotateKey = async (): Promise<void> => {};

describe("RotateKey", () => {
  const context = callContext("RotateKey");
  const representation = { returnPreference: ReturnPreference.REPRESENTATION };

  test("returns the ID alone for a minimal answer", async () => {
    const fake = fakeKeyProtect({ rotateKey });
    const answer = await createKeyActionsHandlers(fake.deps).rotateKey(rotateRequest(), context);
    expect(answer).toMatchObject({ key: { id: keyId, name: "" }, replayed: false });
    expect(fake.calls).toEqual([["rotateKey", keyId, undefined]]);
  });

  test("returns no key where all that is known of it is an alias", async () => {
    const { deps } = fakeKeyProtect({ rotateKey });
    const call = createKeyActionsHandlers(deps).rotateKey(
      rotateRequest({ keyId: "orders" }),
      context,
    );
    expect((await call).key).toBeUndefined();
  });

  test("reads the key for a representation", async () => {
    const fake = fakeKeyProtect({
      rotateKey,
      getKey: async () => keyResource({ lastRotateDate: new Date("2026-01-02T03:04:05Z") }),
    });
    const asked = rotateRequest(representation);
    const answer = await createKeyActionsHandlers(fake.deps).rotateKey(asked, context);
    expect(answer.key).toMatchObject({
      state: KeyState.ACTIVE,
      lastRotateTime: new Date("2026-01-02T03:04:05Z"),
    });
    expect(fake.calls.map(([operation]) => operation)).toEqual(["rotateKey", "getKey"]);
  });

  test("succeeds although the key cannot be read after its rotation", async () => {
    const { deps } = fakeKeyProtect({
      rotateKey,
      getKey: () => Promise.reject(new UpstreamError("RESET", "lost", { sent: true })),
    });
    const call = createKeyActionsHandlers(deps).rotateKey(rotateRequest(representation), context);
    expect((await call).key).toMatchObject({ id: keyId, name: "" });
  });

  test("does not read the key if the rotation fails", async () => {
    const fake = fakeKeyProtect({ rotateKey: () => Promise.reject(rejected(410)) });
    const asked = rotateRequest(representation);
    const error = await failure(createKeyActionsHandlers(fake.deps).rotateKey(asked, context));
    expect([error.code, error.reason]).toEqual([status.FAILED_PRECONDITION, "KEY_DELETED"]);
    expect(fake.calls).toHaveLength(1);
  });

  test("passes material on and wipes it", async () => {
    const fake = fakeKeyProtect({ rotateKey });
    const value = Buffer.alloc(16, 9);
    const asked = rotateRequest({ material: { $case: "keyMaterial", value } });
    await createKeyActionsHandlers(fake.deps).rotateKey(asked, context);
    expect(fake.calls[0]?.[2]).toEqual({ kind: "plain", payload: Buffer.alloc(16, 9) });
    expect(value).toEqual(Buffer.alloc(16));
  });

  test("takes material of root keys only", async () => {
    const { deps } = fakeKeyProtect({ rotateKey });
    const asked = rotateRequest({
      material: { $case: "keyMaterial", value: Buffer.alloc(100) },
      requestId: "x",
      returnPreference: unknownPreference,
    });
    expect(await violationsOf(createKeyActionsHandlers(deps).rotateKey(asked, context))).toEqual([
      "key_material LENGTH_INVALID",
      "request_id FORMAT_INVALID",
      "return_preference UNKNOWN_VALUE",
    ]);
  });

  test("refuses a request ID before anything is sent", async () => {
    const fake = fakeKeyProtect({ rotateKey });
    const asked = rotateRequest({ requestId: keyId });
    const error = await failure(createKeyActionsHandlers(fake.deps).rotateKey(asked, context));
    expect(error.reason).toBe("REQUEST_ID_UNSUPPORTED");
    expect(fake.calls).toEqual([]);
  });
});
