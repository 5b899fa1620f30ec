import { describe, expect, test } from "vitest";
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

describe("GetKeyPolicies", () => {
  test("maps every kind, and leaves one it does not know unset", async () => {
    const { deps } = fakeKeyProtect({
      getKeyPolicies: async () => [
        resource({ kind: "rotation", intervalMonths: 3 }),
        resource({ kind: "dualAuthDelete", enabled: true }),
        resource({ kind: "unknown" }),
      ],
    });
    const answer = await createPoliciesHandlers(deps).getKeyPolicies(
      { keyId },
      callContext("GetKeyPolicies"),
    );
    const shared = {
      ...policy(undefined),
      crn: "crn:v1:policy",
      createTime: created,
      createdBy: "IBMid-1",
    };
    expect(answer.policies).toEqual([
      { ...shared, kind: { $case: "rotation", value: { intervalMonths: 3 } } },
      { ...shared, kind: { $case: "dualAuthDelete", value: { enabled: true } } },
      { ...shared, kind: undefined },
    ]);
  });

  test("leaves empty what the upstream did not say", async () => {
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
    const answer = await createPoliciesHandlers(deps).getKeyPolicies({ keyId }, context);
    expect(answer.policies).toEqual([dualAuth(false)]);
  });

  test("validates the key ID", async () => {
    const { deps } = fakeKeyProtect({});
    const call = createPoliciesHandlers(deps).getKeyPolicies(
      { keyId: "policies" },
      callContext("GetKeyPolicies"),
    );
    expect(await violationsOf(call)).toEqual(["key_id RESERVED_WORD"]);
  });
});

describe("ReplaceKeyPolicies", () => {
  const context = callContext("ReplaceKeyPolicies");

  test("sends the kinds that are given, and returns what came back", async () => {
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
  ])("refuses %s", async (_name, policies, expected) => {
    const { deps } = fakeKeyProtect({});
    const call = createPoliciesHandlers(deps).replaceKeyPolicies({ keyId, policies }, context);
    expect(await violationsOf(call)).toEqual(expected);
  });
});
