import { expect, test } from "vitest";
import type { KeyPolicy } from "../../../../src/gen/keyprotect/v1/policy.ts";
import { ReplaceKeyPoliciesResponse } from "../../../../src/gen/keyprotect/v1/policies_service.ts";
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

const rotation = (intervalMonths: number): KeyPolicy =>
  policy({ $case: "rotation", value: { intervalMonths } });

const dualAuth = (enabled: boolean): KeyPolicy =>
  policy({ $case: "dualAuthDelete", value: { enabled } });

const context = callContext("ReplaceKeyPolicies");

test("ReplaceKeyPolicies sends the given kinds and returns the upstream's answer", async () => {
  const fake = fakeKeyProtect({
    replaceKeyPolicies: async () => [resource({ kind: "rotation", intervalMonths: 6 })],
  });
  const answer = await createPoliciesHandlers(fake.deps).replaceKeyPolicies(
    { keyId, policies: [dualAuth(false), { ...rotation(6), crn: "ignored" }] },
    context,
  );
  expect(fake.calls).toEqual([
    [
      "replaceKeyPolicies",
      keyId,
      [
        { kind: "dualAuthDelete", enabled: false },
        { kind: "rotation", intervalMonths: 6 },
      ],
    ],
  ]);
  expect(answer.policies.map(({ kind }) => kind)).toEqual([rotation(6).kind]);
  const encoded = ReplaceKeyPoliciesResponse.encode(answer).finish();
  expect(ReplaceKeyPoliciesResponse.decode(encoded)).toEqual(answer);
});

test.each<[string, KeyPolicy[], string[]]>([
  ["no policy", [], ["policies REQUIRED"]],
  ["three policies", [rotation(1), dualAuth(true), rotation(0)], ["policies TOO_MANY"]],
  ["a policy without kind", [dualAuth(true), policy(undefined)], ["policies[1].kind REQUIRED"]],
  ["the same kind twice", [rotation(1), rotation(2)], ["policies[1] DUPLICATE"]],
  ["an interval of 0", [rotation(0)], ["policies[0].rotation.interval_months OUT_OF_RANGE"]],
  [
    "two intervals that are out of range",
    [rotation(13), rotation(-1)],
    [
      "policies[0].rotation.interval_months OUT_OF_RANGE",
      "policies[1].rotation.interval_months OUT_OF_RANGE",
      "policies[1] DUPLICATE",
    ],
  ],
  [
    "two policies without kind",
    [policy(undefined), policy(undefined)],
    ["policies[0].kind REQUIRED", "policies[1].kind REQUIRED"],
  ],
])("ReplaceKeyPolicies rejects %s", async (_name, policies, expected) => {
  const { deps } = fakeKeyProtect({});
  const call = createPoliciesHandlers(deps).replaceKeyPolicies({ keyId, policies }, context);
  expect(await violationsOf(call)).toEqual(expected);
});
