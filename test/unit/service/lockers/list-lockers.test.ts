import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { KeyProtectError } from "../../../../src/keyprotect/error.ts";
import type { LockerResource } from "../../../../src/keyprotect/resources.ts";
import { createLockersHandlers } from "../../../../src/service/lockers/handlers.ts";
import { callContext } from "../../../support/call-context.ts";
import { failure, fakeKeyProtect, lockerId, violationsOf } from "../fake-key-protect.ts";

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

const context = callContext("ListLockers");

test.each([[[]], [[locker]]])("ListLockers returns all lockers on one page", async (lockers) => {
  const { deps } = fakeKeyProtect({ listLockers: async () => lockers });
  const answer = await createLockersHandlers(deps).listLockers(
    { pageSize: 0, pageToken: "" },
    context,
  );
  expect(answer).toEqual({ lockers: lockers.map(() => message), nextPageToken: "" });
});

test("ListLockers rejects every page token, because it never returns one", async () => {
  const { deps } = fakeKeyProtect({});
  const error = await failure(
    createLockersHandlers(deps).listLockers({ pageSize: 1, pageToken: "AQ" }, context),
  );
  expect([error.code, error.reason]).toEqual([status.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"]);
});

test("ListLockers rejects a negative page size", async () => {
  const { deps } = fakeKeyProtect({});
  const call = createLockersHandlers(deps).listLockers({ pageSize: -1, pageToken: "" }, context);
  expect(await violationsOf(call)).toEqual(["page_size OUT_OF_RANGE"]);
});

test("ListLockers fails with OPERATION_UNSUPPORTED if the dialect lacks the operation", async () => {
  const unsupported = new KeyProtectError("UNSUPPORTED", "no such operation");
  const { deps } = fakeKeyProtect({ listLockers: () => Promise.reject(unsupported) });
  const error = await failure(
    createLockersHandlers(deps).listLockers({ pageSize: 0, pageToken: "" }, context),
  );
  expect(error.reason).toBe("OPERATION_UNSUPPORTED");
});
