import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import type { CreateLockerRequest } from "../../../../src/gen/keyprotect/v1/lockers_service.ts";
import { KeyProtectError } from "../../../../src/keyprotect/error.ts";
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
const seconds = (value: bigint, nanos = 0): CreateLockerRequest["ttl"] => ({
  seconds: value,
  nanos,
});

describe("CreateLocker", () => {
  const context = callContext("CreateLocker");

  test.each<[CreateLockerRequest, { expirationSeconds: number; maxAllowedRetrievals: number }]>([
    [
      { ttl: undefined, maxAllowedRetrievals: 0 },
      { expirationSeconds: 600, maxAllowedRetrievals: 1 },
    ],
    [
      { ttl: seconds(300n), maxAllowedRetrievals: 1 },
      { expirationSeconds: 300, maxAllowedRetrievals: 1 },
    ],
    [
      { ttl: seconds(86_400n), maxAllowedRetrievals: 500 },
      { expirationSeconds: 86_400, maxAllowedRetrievals: 500 },
    ],
  ])("creates a locker (%#)", async (request, params) => {
    const fake = fakeKeyProtect({ createLocker: async () => locker });
    const answer = await createLockersHandlers(fake.deps).createLocker(request, context);
    expect(answer).toEqual({ locker: message });
    expect(fake.calls).toEqual([["createLocker", params]]);
  });

  test.each<[string, CreateLockerRequest, string[]]>([
    ["299 s", { ttl: seconds(299n), maxAllowedRetrievals: 0 }, ["ttl OUT_OF_RANGE"]],
    ["86401 s", { ttl: seconds(86_401n), maxAllowedRetrievals: 0 }, ["ttl OUT_OF_RANGE"]],
    ["0 s", { ttl: seconds(0n), maxAllowedRetrievals: 0 }, ["ttl OUT_OF_RANGE"]],
    ["fractions", { ttl: seconds(300n, 1), maxAllowedRetrievals: 0 }, ["ttl OUT_OF_RANGE"]],
    [
      "501 retrievals and a time beyond reason",
      { ttl: seconds(2n ** 62n), maxAllowedRetrievals: 501 },
      ["ttl OUT_OF_RANGE", "max_allowed_retrievals OUT_OF_RANGE"],
    ],
    [
      "-1 retrievals",
      { ttl: undefined, maxAllowedRetrievals: -1 },
      ["max_allowed_retrievals OUT_OF_RANGE"],
    ],
  ])("refuses %s", async (_name, request, expected) => {
    const { deps } = fakeKeyProtect({});
    const call = createLockersHandlers(deps).createLocker(request, context);
    expect(await violationsOf(call)).toEqual(expected);
  });
});

describe("ListLockers", () => {
  const context = callContext("ListLockers");

  test.each([[[]], [[locker]]])("lists the lockers there are on one page", async (lockers) => {
    const { deps } = fakeKeyProtect({ listLockers: async () => lockers });
    const answer = await createLockersHandlers(deps).listLockers(
      { pageSize: 0, pageToken: "" },
      context,
    );
    expect(answer).toEqual({ lockers: lockers.map(() => message), nextPageToken: "" });
  });

  test("takes no page token, having given none", async () => {
    const { deps } = fakeKeyProtect({});
    const error = await failure(
      createLockersHandlers(deps).listLockers({ pageSize: 1, pageToken: "AQ" }, context),
    );
    expect([error.code, error.reason]).toEqual([status.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"]);
  });

  test("refuses a negative page size", async () => {
    const { deps } = fakeKeyProtect({});
    const call = createLockersHandlers(deps).listLockers({ pageSize: -1, pageToken: "" }, context);
    expect(await violationsOf(call)).toEqual(["page_size OUT_OF_RANGE"]);
  });

  test("says so where the instance's API has no such operation", async () => {
    const unsupported = new KeyProtectError("UNSUPPORTED", "no such operation");
    const { deps } = fakeKeyProtect({ listLockers: () => Promise.reject(unsupported) });
    const error = await failure(
      createLockersHandlers(deps).listLockers({ pageSize: 0, pageToken: "" }, context),
    );
    expect(error.reason).toBe("OPERATION_UNSUPPORTED");
  });
});

describe("RetrieveLocker", () => {
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
  ])("returns the transport key with what either API adds (%#)", async (has, expected) => {
    const { deps } = fakeKeyProtect({ retrieveLocker: async () => ({ ...retrieved, ...has }) });
    const answer = await createLockersHandlers(deps).retrieveLocker({ lockerId }, context);
    expect(answer).toEqual({ locker: message, publicKey: Buffer.from("der"), ...expected });
  });

  test.each([
    ["", "REQUIRED"],
    ["orders", "FORMAT_INVALID"],
    [`${lockerId}0`, "FORMAT_INVALID"],
  ])("refuses the ID %j", async (id, reason) => {
    const { deps } = fakeKeyProtect({});
    const call = createLockersHandlers(deps).retrieveLocker({ lockerId: id }, context);
    expect(await violationsOf(call)).toEqual([`locker_id ${reason}`]);
  });

  test("names the locker that is missing", async () => {
    const { deps } = fakeKeyProtect({ retrieveLocker: () => Promise.reject(rejected(404)) });
    const error = await failure(createLockersHandlers(deps).retrieveLocker({ lockerId }, context));
    expect([error.code, error.reason]).toEqual([status.NOT_FOUND, "LOCKER_NOT_FOUND"]);
    expect(error.details.resource?.name).toBe(lockerId);
  });
});
