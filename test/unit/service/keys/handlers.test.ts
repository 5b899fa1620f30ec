import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { KeyState, KeyType, ReturnPreference } from "../../../../src/gen/keyprotect/v1/key.ts";
import {
  CountKeysResponse,
  DeleteKeyResponse,
  GetKeyResponse,
  type DeleteKeyRequest,
  type DeleteKeyResponse as Deleted,
} from "../../../../src/gen/keyprotect/v1/keys_service.ts";
import { KeyProtectError } from "../../../../src/keyprotect/error.ts";
import type { KeyResource } from "../../../../src/keyprotect/resources.ts";
import type { KeyProtect } from "../../../../src/service/key-protect.ts";
import { createKeysHandlers } from "../../../../src/service/keys/handlers.ts";
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

const getKey = (id: string): Promise<unknown> => {
  const { deps } = fakeKeyProtect({ getKey: async () => keyResource() });
  return createKeysHandlers(deps).getKey({ keyId: id }, callContext("GetKey"));
};

describe("key_id", () => {
  test.each([
    ["", "REQUIRED"],
    ["a", "FORMAT_INVALID"],
    ["-ab", "FORMAT_INVALID"],
    ["_ab", "FORMAT_INVALID"],
    ["a/b", "FORMAT_INVALID"],
    ["a%2Fb", "FORMAT_INVALID"],
    ["..", "FORMAT_INVALID"],
    ["a?b", "FORMAT_INVALID"],
    ["ab\n", "FORMAT_INVALID"],
    ["äb", "FORMAT_INVALID"],
    ["a".repeat(91), "FORMAT_INVALID"],
    ..."allowed_ip,key,keys,metadata,policy,policies,registration,registrations,ring,rings,rotate,wrap,unwrap,rewrap,version,versions"
      .split(",")
      .map((word) => [word, "RESERVED_WORD"]),
  ])("refuses %j", async (id, reason) => {
    expect(await violationsOf(getKey(id))).toEqual([`key_id ${reason}`]);
  });

  test.each([keyId, "ab", "orders_2026-01", "a".repeat(90), "Wrap"])("accepts %j", async (id) => {
    await expect(getKey(id)).resolves.toMatchObject({ key: { id: keyId } });
  });
});

describe("GetKey", () => {
  test("returns a destroyed key as such", async () => {
    const { deps } = fakeKeyProtect({ getKey: async () => keyResource({ state: 5 }) });
    const answer = await createKeysHandlers(deps).getKey({ keyId }, callContext("GetKey"));
    expect(answer.key?.state).toBe(KeyState.DESTROYED);
    expect(GetKeyResponse.decode(GetKeyResponse.encode(answer).finish())).toEqual(answer);
  });

  test("returns a key in an unknown state", async () => {
    const fake = fakeKeyProtect({ getKey: async () => keyResource({ state: 4 }) });
    const answer = await createKeysHandlers(fake.deps).getKey({ keyId }, callContext("GetKey"));
    expect(answer.key?.state).toBe(KeyState.UNSPECIFIED);
  });

  test("says what was looked for and where", async () => {
    const { deps } = fakeKeyProtect({ getKey: () => Promise.reject(rejected(404)) });
    const error = await failure(
      createKeysHandlers(deps).getKey({ keyId }, callContext("GetKey", { instance: "eu" })),
    );
    expect([error.code, error.reason]).toEqual([status.NOT_FOUND, "KEY_NOT_FOUND"]);
    expect(error.details.resource?.name).toBe(keyId);
    expect(error.message).toContain("eu");
  });

  test("turns an error of no known kind into a fixed text", async () => {
    const { deps } = fakeKeyProtect({ getKey: () => Promise.reject(new TypeError("s3cr3t")) });
    const error = await failure(createKeysHandlers(deps).getKey({ keyId }, callContext("GetKey")));
    expect([error.code, error.reason]).toEqual([status.INTERNAL, "GATEWAY_INTERNAL"]);
    expect(error.message).not.toContain("s3cr3t");
  });
});

describe("CountKeys", () => {
  test.each([
    [0, 0],
    [42, 42],
    [2 ** 31, 2 ** 31 - 1],
  ])("counts %i keys as %i", async (count, expected) => {
    const { deps } = fakeKeyProtect({ countKeys: async () => count });
    const answer = await createKeysHandlers(deps).countKeys({}, callContext("CountKeys"));
    expect(answer).toEqual({ totalSize: expected });
    expect(CountKeysResponse.encode(answer).finish()).toBeInstanceOf(Uint8Array);
  });
});

const getMaterial = (resource: KeyResource): Promise<unknown> => {
  const { deps } = fakeKeyProtect({ getKeyMaterial: async () => resource });
  return createKeysHandlers(deps).getKeyMaterial({ keyId }, callContext("GetKeyMaterial"));
};

describe("GetKeyMaterial", () => {
  test("returns key and material of a standard key", async () => {
    const payload = Buffer.from("material");
    await expect(getMaterial(keyResource({ extractable: true, payload }))).resolves.toMatchObject({
      key: { id: keyId, type: KeyType.STANDARD },
      keyMaterial: Buffer.from("material"),
    });
  });

  test("refuses a root key, and wipes material that came nevertheless", async () => {
    const payload = Buffer.from("material");
    const error = await failure(getMaterial(keyResource({ payload })));
    expect([error.code, error.reason]).toEqual([status.INVALID_ARGUMENT, "KEY_TYPE_MISMATCH"]);
    expect(error.details.violations?.map(({ field }) => field)).toEqual(["key_id"]);
    expect(error.details.resource).toMatchObject({ type: "keyprotect.v1.Key", name: keyId });
    expect(payload).toEqual(Buffer.alloc(payload.length));
  });

  test.each([
    [5, status.FAILED_PRECONDITION, "KEY_DELETED", "KEY_DELETED"],
    [0, status.FAILED_PRECONDITION, "KEY_STATE_INVALID", "KEY_STATE"],
    [2, status.FAILED_PRECONDITION, "KEY_STATE_INVALID", "KEY_STATE"],
    [3, status.FAILED_PRECONDITION, "KEY_STATE_INVALID", "KEY_STATE"],
    [1, status.INTERNAL, "UPSTREAM_BAD_RESPONSE", undefined],
    [undefined, status.INTERNAL, "UPSTREAM_BAD_RESPONSE", undefined],
  ])("answers for a key in state %s without material", async (state, code, reason, type) => {
    for (const payload of [undefined, Buffer.alloc(0)]) {
      const error = await failure(getMaterial(keyResource({ extractable: true, state, payload })));
      expect([error.code, error.reason]).toEqual([code, reason]);
      expect(error.details.preconditions?.[0]?.type).toBe(type);
    }
  });

  test("validates the key ID", async () => {
    const { deps } = fakeKeyProtect({});
    const call = createKeysHandlers(deps).getKeyMaterial(
      { keyId: "wrap" },
      callContext("GetKeyMaterial"),
    );
    expect(await violationsOf(call)).toEqual(["key_id RESERVED_WORD"]);
  });
});

const remove = async (
  deleteKey: KeyProtect["deleteKey"],
  overrides: Partial<DeleteKeyRequest> = {},
): Promise<Deleted> => {
  const { deps } = fakeKeyProtect({ deleteKey });
  return createKeysHandlers(deps).deleteKey(
    { keyId, returnPreference: ReturnPreference.UNSPECIFIED, allowMissing: false, ...overrides },
    callContext("DeleteKey"),
  );
};

const missing = (httpStatus: number) => () => Promise.reject(rejected(httpStatus));

describe("DeleteKey", () => {
  const representation = { returnPreference: ReturnPreference.REPRESENTATION };

  test("returns the ID alone for a minimal answer", async () => {
    const answer = await remove(async () => undefined);
    expect(answer.key).toMatchObject({ id: keyId, name: "", state: KeyState.UNSPECIFIED });
    expect(DeleteKeyResponse.decode(DeleteKeyResponse.encode(answer).finish())).toEqual(answer);
  });

  test("returns no key where an alias was given and nothing came back", async () => {
    expect(await remove(async () => undefined, { keyId: "orders" })).toEqual({ key: undefined });
  });

  test("returns the deleted key for a representation", async () => {
    const preferences: string[] = [];
    const answer = await remove(async (_call, _id, prefer) => {
      preferences.push(prefer);
      return keyResource({ state: 5, deletedBy: "IBMid-2" });
    }, representation);
    expect(answer.key).toMatchObject({ state: KeyState.DESTROYED, deletedBy: "IBMid-2" });
    expect(preferences).toEqual(["representation"]);
  });

  test("drops what a minimal answer was not asked for", async () => {
    const payload = Buffer.from("material");
    const answer = await remove(async () => keyResource({ payload }), { keyId: "orders" });
    expect(answer.key).toMatchObject({ id: keyId, name: "" });
    expect(payload).toEqual(Buffer.alloc(payload.length));
  });

  test.each([
    [404, "KEY_NOT_FOUND"],
    [410, "KEY_DELETED"],
  ])("fails with NOT_FOUND for %i / %s", async (httpStatus, reason) => {
    const error = await failure(remove(missing(httpStatus)));
    expect([error.code, error.reason]).toEqual([status.NOT_FOUND, reason]);
  });

  test.each([404, 410])("succeeds for %i if a missing key is allowed", async (httpStatus) => {
    const answer = await remove(missing(httpStatus), { allowMissing: true });
    expect(answer.key).toMatchObject({ id: keyId, state: KeyState.UNSPECIFIED });
  });

  test.each([404, 410])(
    "succeeds for %i if an attempt before may have done it",
    async (httpStatus) => {
      const { deps } = fakeKeyProtect({ deleteKey: missing(httpStatus) });
      const answer = await createKeysHandlers(deps).deleteKey(
        { keyId, returnPreference: ReturnPreference.UNSPECIFIED, allowMissing: false },
        callContext("DeleteKey", {
          attemptLog: { attempts: 2, httpStatus, mayHaveBeenExecuted: true },
        }),
      );
      expect(answer.key?.id).toBe(keyId);
    },
  );

  test.each([409, 403, 500])("fails for %i whatever is allowed", async (httpStatus) => {
    await failure(remove(missing(httpStatus), { allowMissing: true }));
  });

  test("does not take an unreadable answer for a missing key", async () => {
    const unreadable = new KeyProtectError("BAD_RESPONSE", "unreadable", { httpStatus: 404 });
    const error = await failure(remove(() => Promise.reject(unreadable), { allowMissing: true }));
    expect(error.reason).toBe("UPSTREAM_BAD_RESPONSE");
  });

  test("validates ID and preference", async () => {
    const call = remove(async () => undefined, {
      keyId: "a/b",
      returnPreference: unknownPreference,
    });
    expect(await violationsOf(call)).toEqual([
      "key_id FORMAT_INVALID",
      "return_preference UNKNOWN_VALUE",
    ]);
  });
});
