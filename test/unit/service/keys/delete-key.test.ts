import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { KeyState, ReturnPreference } from "../../../../src/gen/keyprotect/v1/key.ts";
import {
  DeleteKeyResponse,
  type DeleteKeyRequest,
  type DeleteKeyResponse as Deleted,
} from "../../../../src/gen/keyprotect/v1/keys_service.ts";
import { KeyProtectError } from "../../../../src/keyprotect/error.ts";
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

const remove = async (
  deleteKey: KeyProtect["deleteKey"],
  overrides: Partial<DeleteKeyRequest> = {},
): Promise<Deleted> => {
  const { deps } = fakeKeyProtect({ deleteKey });
  return createKeysHandlers(deps).deleteKey(
    {
      keyId,
      returnPreference: ReturnPreference.UNSPECIFIED,
      allowMissing: false,
      force: false,
      ...overrides,
    },
    callContext("DeleteKey"),
  );
};

const missing = (httpStatus: number) => () => Promise.reject(rejected(httpStatus));

const representation = { returnPreference: ReturnPreference.REPRESENTATION };

test("DeleteKey returns the ID alone for a minimal answer", async () => {
  const answer = await remove(async () => undefined);
  expect(answer.key).toMatchObject({ id: keyId, name: "", state: KeyState.UNSPECIFIED });
  expect(DeleteKeyResponse.decode(DeleteKeyResponse.encode(answer).finish())).toEqual(answer);
});

test("DeleteKey returns no key if an alias was given and the answer is empty", async () => {
  expect(await remove(async () => undefined, { keyId: "orders" })).toEqual({ key: undefined });
});

test("DeleteKey returns the deleted key for a representation", async () => {
  const preferences: string[] = [];
  const answer = await remove(async (_call, _id, { prefer }) => {
    preferences.push(prefer);
    return keyResource({ state: 5, deletedBy: "IBMid-2" });
  }, representation);
  expect(answer.key).toMatchObject({ state: KeyState.DESTROYED, deletedBy: "IBMid-2" });
  expect(preferences).toEqual(["representation"]);
});

test("DeleteKey drops and zeroizes material in a minimal answer", async () => {
  const payload = Buffer.from("material");
  const answer = await remove(async () => keyResource({ payload }), { keyId: "orders" });
  expect(answer.key).toMatchObject({ id: keyId, name: "" });
  expect(payload).toEqual(Buffer.alloc(payload.length));
});

test.each([
  [404, "KEY_NOT_FOUND"],
  [410, "KEY_DELETED"],
])("DeleteKey fails with NOT_FOUND for %i / %s", async (httpStatus, reason) => {
  const error = await failure(remove(missing(httpStatus)));
  expect([error.code, error.reason]).toEqual([status.NOT_FOUND, reason]);
});

test.each([404, 410])("DeleteKey succeeds for %i if allow_missing is set", async (httpStatus) => {
  const answer = await remove(missing(httpStatus), { allowMissing: true, force: false });
  expect(answer.key).toMatchObject({ id: keyId, state: KeyState.UNSPECIFIED });
});

test.each([404, 410])(
  "DeleteKey succeeds for %i if an earlier attempt may have deleted the key",
  async (httpStatus) => {
    const { deps } = fakeKeyProtect({ deleteKey: missing(httpStatus) });
    const answer = await createKeysHandlers(deps).deleteKey(
      { keyId, returnPreference: ReturnPreference.UNSPECIFIED, allowMissing: false, force: false },
      callContext("DeleteKey", {
        attemptLog: { attempts: 2, httpStatus, mayHaveBeenExecuted: true },
      }),
    );
    expect(answer.key?.id).toBe(keyId);
  },
);

test.each([409, 403, 500])(
  "DeleteKey fails for %i although allow_missing is set",
  async (httpStatus) => {
    await failure(remove(missing(httpStatus), { allowMissing: true, force: false }));
  },
);

test("DeleteKey does not treat an unreadable answer as a missing key", async () => {
  const unreadable = new KeyProtectError("BAD_RESPONSE", "unreadable", { httpStatus: 404 });
  const error = await failure(
    remove(() => Promise.reject(unreadable), { allowMissing: true, force: false }),
  );
  expect(error.reason).toBe("UPSTREAM_BAD_RESPONSE");
});

test("DeleteKey validates the key ID and the return preference", async () => {
  const call = remove(async () => undefined, {
    keyId: "a/b",
    returnPreference: unknownPreference,
  });
  expect(await violationsOf(call)).toEqual([
    "key_id FORMAT_INVALID",
    "return_preference UNKNOWN_VALUE",
  ]);
});
