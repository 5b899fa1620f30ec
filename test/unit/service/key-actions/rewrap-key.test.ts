import { expect, test } from "vitest";
import { createKeyActionsHandlers } from "../../../../src/service/key-actions/handlers.ts";
import { callContext } from "../../../support/call-context.ts";
import { fakeKeyProtect, keyId, violationsOf } from "../fake-key-protect.ts";

const wrapped = Buffer.from("wrapped");
const context = callContext("RewrapKey");
const request = { keyId, ciphertext: wrapped, additionalAuthenticatedData: ["orders"] };

test("RewrapKey returns the new ciphertext and both key versions", async () => {
  const fake = fakeKeyProtect({
    rewrapKey: async () => ({
      ciphertext: Buffer.from("newer"),
      keyVersionId: "v2",
      previousKeyVersionId: "v1",
    }),
  });
  expect(await createKeyActionsHandlers(fake.deps).rewrapKey(request, context)).toEqual({
    ciphertext: Buffer.from("newer"),
    keyVersionId: "v2",
    previousKeyVersionId: "v1",
  });
  expect(fake.calls).toEqual([["rewrapKey", keyId, { ciphertext: wrapped, aad: ["orders"] }]]);
});

test("RewrapKey leaves versions empty that Key Protect does not report", async () => {
  const { deps } = fakeKeyProtect({
    rewrapKey: async () => ({
      ciphertext: Buffer.from("newer"),
      keyVersionId: undefined,
      previousKeyVersionId: undefined,
    }),
  });
  expect(await createKeyActionsHandlers(deps).rewrapKey(request, context)).toMatchObject({
    keyVersionId: "",
    previousKeyVersionId: "",
  });
});

test("RewrapKey reports all violations at once", async () => {
  const { deps } = fakeKeyProtect({});
  const call = createKeyActionsHandlers(deps).rewrapKey(
    {
      keyId: "",
      ciphertext: Buffer.alloc(16_385),
      additionalAuthenticatedData: ["a".repeat(256)],
    },
    context,
  );
  expect(await violationsOf(call)).toEqual([
    "key_id REQUIRED",
    "ciphertext TOO_LONG",
    "additional_authenticated_data[0] TOO_LONG",
  ]);
});
