import { expect, test } from "vitest";
import { createKeyActionsHandlers } from "../../../../src/service/key-actions/handlers.ts";
import { callContext } from "../../../support/call-context.ts";
import { fakeKeyProtect, keyId, violationsOf } from "../fake-key-protect.ts";

const none = Buffer.alloc(0);

const wrapped = Buffer.from("wrapped");

const versionId = "5c9b0a64-3f43-4a55-9d0b-0d6f4f4f2a33";

const context = callContext("UnwrapKey");
const request = { keyId, ciphertext: wrapped, additionalAuthenticatedData: [] };

test("UnwrapKey returns the plaintext", async () => {
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

test("UnwrapKey returns a new ciphertext if the upstream wrapped anew", async () => {
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
])("UnwrapKey rejects a ciphertext of the wrong length", async (ciphertext, reason) => {
  const { deps } = fakeKeyProtect({});
  const call = createKeyActionsHandlers(deps).unwrapKey({ ...request, ciphertext }, context);
  expect(await violationsOf(call)).toEqual([`ciphertext ${reason}`]);
});
