import { allKeys } from "../../../support/requests.ts";
import { expect, test } from "vitest";
import { CountKeysResponse } from "../../../../src/gen/keyprotect/v1/keys_service.ts";
import { createKeysHandlers } from "../../../../src/service/keys/handlers.ts";
import { callContext } from "../../../support/call-context.ts";
import { fakeKeyProtect } from "../fake-key-protect.ts";

test.each([
  [0, 0],
  [42, 42],
  [2 ** 31, 2 ** 31 - 1],
])("CountKeys returns the count %i as %i", async (count, expected) => {
  const { deps } = fakeKeyProtect({ countKeys: async () => count });
  const answer = await createKeysHandlers(deps).countKeys(allKeys, callContext("CountKeys"));
  expect(answer).toEqual({ totalSize: expected });
  expect(CountKeysResponse.encode(answer).finish()).toBeInstanceOf(Uint8Array);
});
