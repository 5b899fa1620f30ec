import { expect, test } from "vitest";
import type { WrapKeyRequest } from "../../../../src/gen/keyprotect/v1/key_actions_service.ts";
import type { WrapResult } from "../../../../src/keyprotect/resources.ts";
import { createKeyActionsHandlers } from "../../../../src/service/key-actions/handlers.ts";
import { callContext } from "../../../support/call-context.ts";
import { failure, fakeKeyProtect, keyId, rejected, violationsOf } from "../fake-key-protect.ts";

const none = Buffer.alloc(0);

const wrapped = Buffer.from("wrapped");

const versionId = "5c9b0a64-3f43-4a55-9d0b-0d6f4f4f2a33";

const wrapRequest = (overrides: Partial<WrapKeyRequest> = {}): WrapKeyRequest => ({
  keyId,
  plaintext: Buffer.from("plain"),
  additionalAuthenticatedData: ["a", "b"],
  ...overrides,
});

const context = callContext("WrapKey");
const result: WrapResult = { plaintext: undefined, ciphertext: wrapped, keyVersionId: versionId };

test("WrapKey sends the additional data in its order and zeroizes the plaintext", async () => {
  const fake = fakeKeyProtect({ wrapKey: async () => result });
  const asked = wrapRequest();
  const answer = await createKeyActionsHandlers(fake.deps).wrapKey(asked, context);
  expect(answer).toEqual({ ciphertext: wrapped, keyVersionId: versionId });
  expect(fake.calls).toEqual([
    ["wrapKey", keyId, { plaintext: Buffer.from("plain"), aad: ["a", "b"] }],
  ]);
  expect(asked.plaintext).toEqual(Buffer.alloc(5));
});

test("WrapKey zeroizes the plaintext of a call that fails", async () => {
  const { deps } = fakeKeyProtect({ wrapKey: () => Promise.reject(rejected(409)) });
  const asked = wrapRequest();
  const error = await failure(createKeyActionsHandlers(deps).wrapKey(asked, context));
  expect(error.reason).toBe("KEY_STATE_INVALID");
  expect(asked.plaintext).toEqual(Buffer.alloc(5));
});

test("WrapKey zeroizes a plaintext that the upstream sends back", async () => {
  const plaintext = Buffer.from("plain");
  const { deps } = fakeKeyProtect({ wrapKey: async () => ({ ...result, plaintext }) });
  await createKeyActionsHandlers(deps).wrapKey(wrapRequest(), context);
  expect(plaintext).toEqual(Buffer.alloc(5));
});

test("WrapKey leaves the key version empty if the upstream names none", async () => {
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
])("WrapKey rejects %s", async (_name, overrides, expected) => {
  const fake = fakeKeyProtect({});
  const call = createKeyActionsHandlers(fake.deps).wrapKey(wrapRequest(overrides), context);
  expect(await violationsOf(call)).toEqual(expected);
  expect(fake.calls).toEqual([]);
});

test("WrapKey refers a caller without plaintext to GenerateDataKey", async () => {
  const { deps } = fakeKeyProtect({});
  const call = createKeyActionsHandlers(deps).wrapKey(wrapRequest({ plaintext: none }), context);
  expect((await failure(call)).message).toContain("GenerateDataKey");
});

test("WrapKey accepts the largest plaintext and additional data", async () => {
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
