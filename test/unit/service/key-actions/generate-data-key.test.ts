import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import type { WrapResult } from "../../../../src/keyprotect/resources.ts";
import { createKeyActionsHandlers } from "../../../../src/service/key-actions/handlers.ts";
import { callContext } from "../../../support/call-context.ts";
import { failure, fakeKeyProtect, keyId, violationsOf } from "../fake-key-protect.ts";

const none = Buffer.alloc(0);

const wrapped = Buffer.from("wrapped");

const versionId = "5c9b0a64-3f43-4a55-9d0b-0d6f4f4f2a33";

const generated = (plaintext: Buffer | undefined): WrapResult => ({
  plaintext,
  ciphertext: wrapped,
  keyVersionId: versionId,
});

const context = callContext("GenerateDataKey");
const request = { keyId, additionalAuthenticatedData: ["a"], omitPlaintext: false };

test("GenerateDataKey returns the data key in the clear and wrapped", async () => {
  const fake = fakeKeyProtect({ wrapKey: async () => generated(Buffer.from("dek")) });
  const answer = await createKeyActionsHandlers(fake.deps).generateDataKey(request, context);
  expect(answer).toEqual({
    plaintext: Buffer.from("dek"),
    ciphertext: wrapped,
    keyVersionId: versionId,
  });
  expect(fake.calls).toEqual([["wrapKey", keyId, { aad: ["a"] }]]);
});

test("GenerateDataKey drops and zeroizes the plaintext if omit_plaintext is set", async () => {
  const plaintext = Buffer.from("dek");
  const { deps } = fakeKeyProtect({ wrapKey: async () => generated(plaintext) });
  const answer = await createKeyActionsHandlers(deps).generateDataKey(
    { ...request, omitPlaintext: true },
    context,
  );
  expect(answer.plaintext).toEqual(none);
  expect(plaintext).toEqual(Buffer.alloc(3));
});

test.each([undefined, none])(
  "GenerateDataKey fails if the upstream's answer has no data key (%s)",
  async (plaintext) => {
    const { deps } = fakeKeyProtect({ wrapKey: async () => generated(plaintext) });
    const error = await failure(createKeyActionsHandlers(deps).generateDataKey(request, context));
    expect([error.code, error.reason]).toEqual([status.INTERNAL, "UPSTREAM_BAD_RESPONSE"]);
  },
);

test("GenerateDataKey validates the key ID and the additional data", async () => {
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
