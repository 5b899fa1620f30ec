import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { ReturnPreference, KeyState } from "../../../../src/gen/keyprotect/v1/key.ts";
import type { RotateKeyRequest } from "../../../../src/gen/keyprotect/v1/key_actions_service.ts";
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

const rotateRequest = (overrides: Partial<RotateKeyRequest> = {}): RotateKeyRequest => ({
  keyId,
  material: undefined,
  requestId: "",
  returnPreference: ReturnPreference.UNSPECIFIED,
  ...overrides,
});

const rotateKey = async (): Promise<void> => {};

const context = callContext("RotateKey");
const representation = { returnPreference: ReturnPreference.REPRESENTATION };

test("RotateKey returns the ID alone for a minimal answer", async () => {
  const fake = fakeKeyProtect({ rotateKey });
  const answer = await createKeyActionsHandlers(fake.deps).rotateKey(rotateRequest(), context);
  expect(answer).toMatchObject({ key: { id: keyId, name: "" }, replayed: false });
  expect(fake.calls).toEqual([["rotateKey", keyId, undefined]]);
});

test("RotateKey returns no key if only its alias is known", async () => {
  const { deps } = fakeKeyProtect({ rotateKey });
  const call = createKeyActionsHandlers(deps).rotateKey(
    rotateRequest({ keyId: "orders" }),
    context,
  );
  expect((await call).key).toBeUndefined();
});

test("RotateKey reads the key for a representation", async () => {
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

test("RotateKey succeeds if the key cannot be read after its rotation", async () => {
  const { deps } = fakeKeyProtect({
    rotateKey,
    getKey: () => Promise.reject(new UpstreamError("RESET", "lost", { sent: true })),
  });
  const call = createKeyActionsHandlers(deps).rotateKey(rotateRequest(representation), context);
  expect((await call).key).toMatchObject({ id: keyId, name: "" });
});

test("RotateKey does not read the key if the rotation fails", async () => {
  const fake = fakeKeyProtect({ rotateKey: () => Promise.reject(rejected(410)) });
  const asked = rotateRequest(representation);
  const error = await failure(createKeyActionsHandlers(fake.deps).rotateKey(asked, context));
  expect([error.code, error.reason]).toEqual([status.FAILED_PRECONDITION, "KEY_DELETED"]);
  expect(fake.calls).toHaveLength(1);
});

test("RotateKey sends the material and zeroizes it", async () => {
  const fake = fakeKeyProtect({ rotateKey });
  const value = Buffer.alloc(16, 9);
  const asked = rotateRequest({ material: { $case: "keyMaterial", value } });
  await createKeyActionsHandlers(fake.deps).rotateKey(asked, context);
  expect(fake.calls[0]?.[2]).toEqual({ kind: "plain", payload: Buffer.alloc(16, 9) });
  expect(value).toEqual(Buffer.alloc(16));
});

test("RotateKey accepts material of root keys only", async () => {
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

test("RotateKey rejects a request ID before anything is sent if no store is configured", async () => {
  const fake = fakeKeyProtect({ rotateKey });
  const asked = rotateRequest({ requestId: keyId });
  const error = await failure(createKeyActionsHandlers(fake.deps).rotateKey(asked, context));
  expect(error.reason).toBe("REQUEST_ID_UNSUPPORTED");
  expect(fake.calls).toEqual([]);
});
