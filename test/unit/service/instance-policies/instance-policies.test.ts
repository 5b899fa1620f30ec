import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import {
  InstanceNetwork,
  InstancePolicyKind,
  type InstancePolicy,
} from "../../../../src/gen/keyprotect/v1/instance_policies_service.ts";
import type {
  InstancePolicyContent,
  InstancePolicyResource,
} from "../../../../src/keyprotect/decode/instance-policies.ts";
import { createInstancePoliciesHandlers } from "../../../../src/service/instance-policies/handlers.ts";
import { callContext } from "../../../support/call-context.ts";
import { instancePolicy } from "../../../support/requests.ts";
import { failure, fakeKeyProtect, rejected, violationsOf } from "../fake-key-protect.ts";

const created = new Date("2026-01-02T03:04:05Z");

const resource = (
  content: InstancePolicyResource["content"],
  enabled = true,
): InstancePolicyResource => ({
  enabled,
  content,
  creationDate: created,
  lastUpdated: new Date(Number.NaN),
  createdBy: "IBMid-1",
  updatedBy: undefined,
});

const noAccess = {
  createRootKey: undefined,
  createStandardKey: undefined,
  importRootKey: undefined,
  importStandardKey: undefined,
  enforceToken: undefined,
};

/** Every kind of policy: as message and in Key Protect's terms. */
const kinds: readonly (readonly [InstancePolicy["kind"], InstancePolicyContent])[] = [
  [
    { $case: "allowedNetwork", value: { network: InstanceNetwork.PUBLIC_AND_PRIVATE } },
    { kind: "allowedNetwork", network: "public-and-private" },
  ],
  [
    { $case: "allowedIp", value: { cidrs: ["10.0.0.0/8", "2001:db8::/32"] } },
    { kind: "allowedIP", cidrs: ["10.0.0.0/8", "2001:db8::/32"] },
  ],
  [{ $case: "dualAuthDelete", value: {} }, { kind: "dualAuthDelete" }],
  [{ $case: "metrics", value: {} }, { kind: "metrics" }],
  [
    {
      $case: "keyCreateImportAccess",
      value: { ...noAccess, createRootKey: false, enforceToken: true },
    },
    {
      kind: "keyCreateImportAccess",
      access: { ...noAccess, createRootKey: false, enforceToken: true },
    },
  ],
  [
    { $case: "rotation", value: { intervalMonths: 12 } },
    { kind: "rotation", intervalMonths: 12 },
  ],
];

describe("GetInstancePolicies", () => {
  test("maps every kind, and leaves an unknown one unset", async () => {
    const { deps } = fakeKeyProtect({
      getInstancePolicies: async () => [
        ...kinds.map(([, content]) => resource(content)),
        resource({ kind: "allowedNetwork", network: undefined }, false),
        resource({ kind: "rotation", intervalMonths: undefined }, false),
        resource({ kind: "unknown" }),
      ],
    });
    const context = callContext("GetInstancePolicies");
    const answer = await createInstancePoliciesHandlers(deps).getInstancePolicies(
      { kind: InstancePolicyKind.UNSPECIFIED },
      context,
    );
    const told = { createTime: created, createdBy: "IBMid-1" };
    expect(answer.policies).toEqual([
      ...kinds.map(([kind]) => ({ ...instancePolicy(kind), ...told })),
      {
        ...instancePolicy({ $case: "allowedNetwork", value: { network: 0 } }, false),
        ...told,
      },
      { ...instancePolicy({ $case: "rotation", value: { intervalMonths: 0 } }, false), ...told },
      { ...instancePolicy(undefined), ...told },
    ]);
  });

  test.each([
    [InstancePolicyKind.UNSPECIFIED, undefined],
    [InstancePolicyKind.ALLOWED_NETWORK, "allowedNetwork"],
    [InstancePolicyKind.ALLOWED_IP, "allowedIP"],
    [InstancePolicyKind.DUAL_AUTH_DELETE, "dualAuthDelete"],
    [InstancePolicyKind.KEY_CREATE_IMPORT_ACCESS, "keyCreateImportAccess"],
    [InstancePolicyKind.METRICS, "metrics"],
    [InstancePolicyKind.ROTATION, "rotation"],
  ])("asks for the kind %s as %s", async (kind, name) => {
    const { deps, calls } = fakeKeyProtect({ getInstancePolicies: async () => [] });
    const context = callContext("GetInstancePolicies");
    await createInstancePoliciesHandlers(deps).getInstancePolicies({ kind }, context);
    expect(calls).toEqual([["getInstancePolicies", name]]);
  });
});

const replace = (
  { deps }: ReturnType<typeof fakeKeyProtect>,
  policies: InstancePolicy[],
  acceptLockout = false,
) =>
  createInstancePoliciesHandlers(deps).replaceInstancePolicies(
    { policies, acceptLockout },
    callContext("ReplaceInstancePolicies"),
  );

describe("ReplaceInstancePolicies", () => {
  const isPrivate = instancePolicy({
    $case: "allowedNetwork",
    value: { network: InstanceNetwork.PRIVATE_ONLY },
  });

  test("sets every kind in one change, reads the policies and answers them", async () => {
    const fake = fakeKeyProtect({
      replaceInstancePolicies: async () => {},
      getInstancePolicies: async () => [resource({ kind: "metrics" })],
    });
    const { policies } = await replace(
      fake,
      kinds.map(([kind]) => instancePolicy(kind)),
      true,
    );
    expect(fake.calls).toEqual([
      ["replaceInstancePolicies", kinds.map(([, content]) => ({ enabled: true, content }))],
      ["getInstancePolicies"],
    ]);
    expect(policies).toEqual([
      {
        ...instancePolicy({ $case: "metrics", value: {} }),
        createTime: created,
        createdBy: "IBMid-1",
      },
    ]);
  });

  test("succeeds with what it set if the read after the change fails", async () => {
    const fake = fakeKeyProtect({
      replaceInstancePolicies: async () => {},
      getInstancePolicies: async () => {
        throw rejected(401);
      },
    });
    expect(await replace(fake, [isPrivate], true)).toEqual({ policies: [isPrivate] });
  });

  test("fails if the change fails, and then reads nothing", async () => {
    const fake = fakeKeyProtect({
      replaceInstancePolicies: async () => {
        throw rejected(403);
      },
    });
    const metrics = instancePolicy({ $case: "metrics", value: {} }, false);
    expect((await failure(replace(fake, [metrics]))).reason).toBe("UPSTREAM_ACCESS_DENIED");
    expect(fake.calls).toHaveLength(1);
  });

  test("refuses a lock-out with every cause, and sends nothing", async () => {
    const fake = fakeKeyProtect({});
    const ofIp = instancePolicy({ $case: "allowedIp", value: { cidrs: ["0.0.0.0/0"] } });
    const error = await failure(replace(fake, [isPrivate, ofIp]));
    expect([error.code, error.reason]).toEqual([status.FAILED_PRECONDITION, "POLICY_LOCKOUT"]);
    expect(error.details.preconditions).toMatchObject([
      { type: "ALLOWED_NETWORK", subject: "instances/default" },
      { type: "ALLOWED_IP", subject: "instances/default" },
    ]);
    expect(error.message).toContain("accept_lockout");
    expect(fake.calls).toEqual([]);
  });

  test("reports violations before a lock-out", async () => {
    const fake = fakeKeyProtect({});
    const policies = [isPrivate, instancePolicy(undefined, undefined)];
    expect(await violationsOf(replace(fake, policies))).toEqual(["policies[1].kind REQUIRED"]);
  });

  test("leaves the refusal to the dialect in the 2019 API", async () => {
    const fake = fakeKeyProtect({}, "2019");
    await failure(replace(fake, [isPrivate]));
    expect(fake.calls.map(([operation]) => operation)).toEqual(["replaceInstancePolicies"]);
  });
});

test.each([15_008, undefined])("GetPrivateEndpointPort answers the port %s", async (port) => {
  const { deps } = fakeKeyProtect({ getPrivateEndpointPort: async () => port });
  const context = callContext("GetPrivateEndpointPort");
  const answer = await createInstancePoliciesHandlers(deps).getPrivateEndpointPort({}, context);
  expect(answer).toEqual({ port });
});
