import { expect, test } from "vitest";
import type { CreateLockerRequest } from "../../../../src/gen/keyprotect/v1/lockers_service.ts";
import type { LockerResource } from "../../../../src/keyprotect/resources.ts";
import { createLockersHandlers } from "../../../../src/service/lockers/handlers.ts";
import { callContext } from "../../../support/call-context.ts";
import { fakeKeyProtect, lockerId, violationsOf } from "../fake-key-protect.ts";

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
])(
  "CreateLocker sends lifetime and retrievals, or their defaults (%#)",
  async (request, params) => {
    const fake = fakeKeyProtect({ createLocker: async () => locker });
    const answer = await createLockersHandlers(fake.deps).createLocker(request, context);
    expect(answer).toEqual({ locker: message });
    expect(fake.calls).toEqual([["createLocker", params]]);
  },
);

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
])("CreateLocker rejects %s", async (_name, request, expected) => {
  const { deps } = fakeKeyProtect({});
  const call = createLockersHandlers(deps).createLocker(request, context);
  expect(await violationsOf(call)).toEqual(expected);
});
