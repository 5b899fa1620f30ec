import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import type { LockerKeyResource, LockerResource } from "../../../../src/keyprotect/resources.ts";
import { createLockersHandlers } from "../../../../src/service/lockers/handlers.ts";
import { callContext } from "../../../support/call-context.ts";
import { failure, fakeKeyProtect, lockerId, rejected, violationsOf } from "../fake-key-protect.ts";

const locker: LockerResource = {
  id: lockerId,
  creationDate: new Date("2026-01-02T03:04:05Z"),
  expirationDate: new Date(Number.NaN),
  maxAllowedRetrievals: 5,
  remainingRetrievals: undefined,
};

const message = {
  id: lockerId,
  createTime: new Date("2026-01-02T03:04:05Z"),
  expireTime: undefined,
  maxAllowedRetrievals: 5,
  remainingRetrievals: 0,
};

const context = callContext("RetrieveLocker");
const retrieved: LockerKeyResource = {
  ...locker,
  publicKey: Buffer.from("der"),
  importToken: undefined,
  nonce: undefined,
};

test.each<[Partial<LockerKeyResource>, { importToken: Buffer; nonce: Buffer }]>([
  [{ importToken: "tökén" }, { importToken: Buffer.from("tökén"), nonce: Buffer.alloc(0) }],
  [{ nonce: Buffer.alloc(12, 1) }, { importToken: Buffer.alloc(0), nonce: Buffer.alloc(12, 1) }],
])(
  "RetrieveLocker returns the transport key with the fields of either dialect (%#)",
  async (has, expected) => {
    const { deps } = fakeKeyProtect({ retrieveLocker: async () => ({ ...retrieved, ...has }) });
    const answer = await createLockersHandlers(deps).retrieveLocker({ lockerId }, context);
    expect(answer).toEqual({ locker: message, publicKey: Buffer.from("der"), ...expected });
  },
);

test.each([
  ["", "REQUIRED"],
  ["orders", "FORMAT_INVALID"],
  [`${lockerId}0`, "FORMAT_INVALID"],
])("RetrieveLocker rejects the locker ID %j", async (id, reason) => {
  const { deps } = fakeKeyProtect({});
  const call = createLockersHandlers(deps).retrieveLocker({ lockerId: id }, context);
  expect(await violationsOf(call)).toEqual([`locker_id ${reason}`]);
});

test("RetrieveLocker names a missing locker in the error", async () => {
  const { deps } = fakeKeyProtect({ retrieveLocker: () => Promise.reject(rejected(404)) });
  const error = await failure(createLockersHandlers(deps).retrieveLocker({ lockerId }, context));
  expect([error.code, error.reason]).toEqual([status.NOT_FOUND, "LOCKER_NOT_FOUND"]);
  expect(error.details.resource?.name).toBe(lockerId);
});
