import { expect, test } from "vitest";
import type { KeyPolicy } from "../../../../src/gen/keyprotect/v1/policy.ts";
import type { PolicyResource } from "../../../../src/keyprotect/resources.ts";
import { createPoliciesHandlers } from "../../../../src/service/policies/handlers.ts";
import { callContext } from "../../../support/call-context.ts";
import { fakeKeyProtect, keyId, violationsOf } from "../fake-key-protect.ts";

const created = new Date("2026-01-02T03:04:05Z");

const resource = (kind: PolicyResource["kind"]): PolicyResource => ({
  crn: "crn:v1:policy",
  creationDate: created,
  lastUpdateDate: undefined,
  createdBy: "IBMid-1",
  updatedBy: undefined,
  kind,
});

const policy = (kind: KeyPolicy["kind"]): KeyPolicy => ({
  crn: "",
  createTime: undefined,
  updateTime: undefined,
  createdBy: "",
  updatedBy: "",
  kind,
});

const dualAuth = (enabled: boolean): KeyPolicy =>
  policy({ $case: "dualAuthDelete", value: { enabled } });

test("GetKeyPolicies maps every kind and leaves an unknown kind unset", async () => {
  const { deps } = fakeKeyProtect({
    getKeyPolicies: async () => [
      resource({ kind: "rotation", enabled: true, intervalMonths: 3 }),
      resource({ kind: "rotation", enabled: false, intervalMonths: 4 }),
      resource({ kind: "rotation", enabled: false, intervalMonths: undefined }),
      resource({ kind: "dualAuthDelete", enabled: true }),
      resource({ kind: "unknown" }),
    ],
  });
  const answer = await createPoliciesHandlers(deps).getKeyPolicies(
    { keyId, kind: 0 },
    callContext("GetKeyPolicies"),
  );
  const shared = {
    ...policy(undefined),
    crn: "crn:v1:policy",
    createTime: created,
    createdBy: "IBMid-1",
  };
  expect(answer.policies).toEqual([
    { ...shared, kind: { $case: "rotation", value: { intervalMonths: 3, enabled: true } } },
    { ...shared, kind: { $case: "rotation", value: { intervalMonths: 4, enabled: false } } },
    { ...shared, kind: { $case: "rotation", value: { intervalMonths: 0, enabled: false } } },
    { ...shared, kind: { $case: "dualAuthDelete", value: { enabled: true } } },
    { ...shared, kind: undefined },
  ]);
});

test("GetKeyPolicies leaves fields empty that the upstream did not send", async () => {
  const { deps } = fakeKeyProtect({
    getKeyPolicies: async () => [
      {
        crn: undefined,
        creationDate: undefined,
        lastUpdateDate: undefined,
        createdBy: undefined,
        updatedBy: undefined,
        kind: { kind: "dualAuthDelete", enabled: false },
      },
    ],
  });
  const context = callContext("GetKeyPolicies");
  const answer = await createPoliciesHandlers(deps).getKeyPolicies({ keyId, kind: 0 }, context);
  expect(answer.policies).toEqual([dualAuth(false)]);
});

test("GetKeyPolicies validates the key ID", async () => {
  const { deps } = fakeKeyProtect({});
  const call = createPoliciesHandlers(deps).getKeyPolicies(
    { keyId: "policies", kind: 0 },
    callContext("GetKeyPolicies"),
  );
  expect(await violationsOf(call)).toEqual(["key_id RESERVED_WORD"]);
});
