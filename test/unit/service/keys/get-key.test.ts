import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { KeyState } from "../../../../src/gen/keyprotect/v1/key.ts";
import { GetKeyResponse } from "../../../../src/gen/keyprotect/v1/keys_service.ts";
import { createKeysHandlers } from "../../../../src/service/keys/handlers.ts";
import { callContext } from "../../../support/call-context.ts";
import {
  failure,
  fakeKeyProtect,
  keyId,
  keyResource,
  rejected,
  violationsOf,
} from "../fake-key-protect.ts";

const getKey = (id: string): Promise<unknown> => {
  const { deps } = fakeKeyProtect({ getKey: async () => keyResource() });
  return createKeysHandlers(deps).getKey({ keyId: id }, callContext("GetKey"));
};

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
])("GetKey rejects the key ID %j", async (id, reason) => {
  expect(await violationsOf(getKey(id))).toEqual([`key_id ${reason}`]);
});

test.each([keyId, "ab", "orders_2026-01", "a".repeat(90), "Wrap"])(
  "GetKey accepts the key ID %j",
  async (id) => {
    await expect(getKey(id)).resolves.toMatchObject({ key: { id: keyId } });
  },
);

test("GetKey returns a destroyed key with its state", async () => {
  const { deps } = fakeKeyProtect({ getKey: async () => keyResource({ state: 5 }) });
  const answer = await createKeysHandlers(deps).getKey({ keyId }, callContext("GetKey"));
  expect(answer.key?.state).toBe(KeyState.DESTROYED);
  expect(GetKeyResponse.decode(GetKeyResponse.encode(answer).finish())).toEqual(answer);
});

test("GetKey returns a key in an unknown state as UNSPECIFIED", async () => {
  const fake = fakeKeyProtect({ getKey: async () => keyResource({ state: 4 }) });
  const answer = await createKeysHandlers(fake.deps).getKey({ keyId }, callContext("GetKey"));
  expect(answer.key?.state).toBe(KeyState.UNSPECIFIED);
});

test("GetKey names the key and the instance of a failed lookup", async () => {
  const { deps } = fakeKeyProtect({ getKey: () => Promise.reject(rejected(404)) });
  const error = await failure(
    createKeysHandlers(deps).getKey({ keyId }, callContext("GetKey", { instance: "eu" })),
  );
  expect([error.code, error.reason]).toEqual([status.NOT_FOUND, "KEY_NOT_FOUND"]);
  expect(error.details.resource?.name).toBe(keyId);
  expect(error.message).toContain("eu");
});

test("GetKey turns an error of an unknown type into a fixed text", async () => {
  const { deps } = fakeKeyProtect({ getKey: () => Promise.reject(new TypeError("s3cr3t")) });
  const error = await failure(createKeysHandlers(deps).getKey({ keyId }, callContext("GetKey")));
  expect([error.code, error.reason]).toEqual([status.INTERNAL, "GATEWAY_INTERNAL"]);
  expect(error.message).not.toContain("s3cr3t");
});
