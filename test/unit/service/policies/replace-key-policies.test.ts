import { describe, expect, test } from "vitest";
import type { KeyPolicy } from "../../../../src/gen/keyprotect/v1/policy.ts";
import { ReplaceKeyPoliciesResponse } from "../../../../src/gen/keyprotect/v1/policies_service.ts";
import type { PolicyResource } from "../../../../src/keyprotect/resources.ts";
import { createPoliciesHandlers } from "../../../../src/service/policies/handlers.ts";
import { callContext } from "../../../support/call-context.ts";
import { fakeKeyProtect, keyId, rejected, violationsOf } from "../fake-key-protect.ts";

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

const rotation = (intervalMonths: number, enabled?: boolean): KeyPolicy =>
  policy({ $case: "rotation", value: { intervalMonths, enabled } });

const dualAuth = (enabled: boolean): KeyPolicy =>
  policy({ $case: "dualAuthDelete", value: { enabled } });

const context = callContext("ReplaceKeyPolicies");

test("ReplaceKeyPolicies sends the given kinds and returns the upstream's answer", async () => {
  const fake = fakeKeyProtect({
    replaceKeyPolicies: async () => ({
      policies: [resource({ kind: "rotation", enabled: true, intervalMonths: 6 })],
      isComplete: true,
    }),
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
  expect(answer.policies.map(({ kind }) => kind)).toEqual([rotation(6, true).kind]);
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
    "an interval out of range beside `enabled`, and a policy without kind",
    [rotation(13, false), policy(undefined)],
    ["policies[0].rotation.interval_months OUT_OF_RANGE", "policies[1].kind REQUIRED"],
  ],
  [
    "a negative interval beside `enabled`",
    [rotation(-1, true)],
    ["policies[0].rotation.interval_months OUT_OF_RANGE"],
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

test.each([
  [rotation(0, false), { enabled: false, intervalMonths: undefined }],
  [rotation(3, false), { enabled: false, intervalMonths: 3 }],
  [rotation(0, true), { enabled: true, intervalMonths: undefined }],
  [rotation(3, true), { enabled: true, intervalMonths: 3 }],
  [rotation(3), { enabled: undefined, intervalMonths: 3 }],
])("ReplaceKeyPolicies turns %j into the change %j", async (requested, change) => {
  const fake = fakeKeyProtect(
    { replaceKeyPolicies: async () => ({ policies: [], isComplete: true }) },
    "current",
  );
  await createPoliciesHandlers(fake.deps).replaceKeyPolicies(
    { keyId, policies: [requested] },
    context,
  );
  expect(fake.calls).toEqual([["replaceKeyPolicies", keyId, [{ kind: "rotation", ...change }]]]);
});

test("the 2019 dialect cannot keep an interval, so that an enabled policy needs one", async () => {
  const { deps } = fakeKeyProtect({}, "2019");
  const call = createPoliciesHandlers(deps).replaceKeyPolicies(
    { keyId, policies: [rotation(0, true)] },
    context,
  );
  expect(await violationsOf(call)).toEqual(["policies[0].rotation.interval_months OUT_OF_RANGE"]);
});

/** Makes a change that is answered so, and whose policies are read so. */
const replace = async (
  answered: readonly PolicyResource[],
  read: () => Promise<readonly PolicyResource[]>,
  policies: KeyPolicy[],
) => {
  const fake = fakeKeyProtect({
    replaceKeyPolicies: async () => ({ policies: answered, isComplete: false }),
    getKeyPolicies: read,
  });
  const handlers = createPoliciesHandlers(fake.deps);
  const answer = await handlers.replaceKeyPolicies({ keyId, policies }, context);
  expect(fake.calls.map(([operation]) => operation)).toEqual([
    "replaceKeyPolicies",
    "getKeyPolicies",
  ]);
  return answer.policies.map(({ createdBy, kind }) => [createdBy, kind]);
};
const notReadable = async () => Promise.reject(rejected(403));

describe("an answer that is not known to be complete", () => {
  const ofRotation = resource({ kind: "rotation", enabled: false, intervalMonths: 6 });
  const ofDualAuth = resource({ kind: "dualAuthDelete", enabled: true });

  test("ReplaceKeyPolicies reads the policies and answers what it read", async () => {
    const answer = await replace([ofRotation], async () => [ofRotation, ofDualAuth], [rotation(6)]);
    expect(answer).toEqual([
      ["IBMid-1", rotation(6, false).kind],
      ["IBMid-1", dualAuth(true).kind],
    ]);
  });

  test("ReplaceKeyPolicies answers what the change answered if the read fails", async () => {
    const answer = await replace([ofRotation], notReadable, [rotation(6, false)]);
    expect(answer).toEqual([["IBMid-1", rotation(6, false).kind]]);
  });

  test("ReplaceKeyPolicies adds what it set if the change did not answer it and the read fails", async () => {
    const both = [rotation(6), dualAuth(true)];
    expect(await replace([], notReadable, both)).toEqual([
      ["", rotation(6, true).kind],
      ["", dualAuth(true).kind],
    ]);
    expect(await replace([ofDualAuth], notReadable, [rotation(0, false), dualAuth(true)])).toEqual([
      ["IBMid-1", dualAuth(true).kind],
      ["", rotation(0, false).kind],
    ]);
  });
});
