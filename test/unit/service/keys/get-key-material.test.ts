import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { KeyType } from "../../../../src/gen/keyprotect/v1/key.ts";
import type { KeyResource } from "../../../../src/keyprotect/resources.ts";
import { createKeysHandlers } from "../../../../src/service/keys/handlers.ts";
import { callContext } from "../../../support/call-context.ts";
import { failure, fakeKeyProtect, keyId, keyResource, violationsOf } from "../fake-key-protect.ts";

const getMaterial = (resource: KeyResource): Promise<unknown> => {
  const { deps } = fakeKeyProtect({ getKeyMaterial: async () => resource });
  return createKeysHandlers(deps).getKeyMaterial({ keyId }, callContext("GetKeyMaterial"));
};

test("GetKeyMaterial returns key and material of a standard key", async () => {
  const payload = Buffer.from("material");
  await expect(getMaterial(keyResource({ extractable: true, payload }))).resolves.toMatchObject({
    key: { id: keyId, type: KeyType.STANDARD },
    keyMaterial: Buffer.from("material"),
  });
});

test("GetKeyMaterial rejects a root key and zeroizes material that came with it", async () => {
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
])(
  "GetKeyMaterial fails for a key in state %s without material",
  async (state, code, reason, type) => {
    for (const payload of [undefined, Buffer.alloc(0)]) {
      const error = await failure(getMaterial(keyResource({ extractable: true, state, payload })));
      expect([error.code, error.reason]).toEqual([code, reason]);
      expect(error.details.preconditions?.[0]?.type).toBe(type);
    }
  },
);

test("GetKeyMaterial validates the key ID", async () => {
  const { deps } = fakeKeyProtect({});
  const call = createKeysHandlers(deps).getKeyMaterial(
    { keyId: "wrap" },
    callContext("GetKeyMaterial"),
  );
  expect(await violationsOf(call)).toEqual(["key_id RESERVED_WORD"]);
});
