/** Policies of an instance, from the client to the emulator and back, and the lock-out guard. */
import { describe, expect, test } from "vitest";
import { defaultInstanceId } from "../../src/emulator/options.ts";
import {
  InstanceNetwork,
  InstancePolicyKind,
  type InstancePolicy,
} from "../../src/gen/keyprotect/v1/instance_policies_service.ts";
import { KeyPolicyKind } from "../../src/gen/keyprotect/v1/policy.ts";
import {
  dualAuthPolicy,
  createKeyId,
  instancePolicy,
  rotationPolicy,
} from "../support/requests.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";

const ofNetwork = (network: InstanceNetwork, enabled?: boolean): InstancePolicy =>
  instancePolicy({ $case: "allowedNetwork", value: { network } }, enabled);
const ofIp = (...cidrs: string[]): InstancePolicy =>
  instancePolicy({ $case: "allowedIp", value: { cidrs } }, cidrs.length > 0);
const ofRotation = (intervalMonths: number): InstancePolicy =>
  instancePolicy({ $case: "rotation", value: { intervalMonths } }, intervalMonths > 0);
const dualAuth = instancePolicy({ $case: "dualAuthDelete", value: {} });
const metrics = instancePolicy({ $case: "metrics", value: {} });
const access = instancePolicy({
  $case: "keyCreateImportAccess",
  value: { createStandardKey: false, enforceToken: true },
});
/** Key Protect fills in what the request leaves out. */
const fullAccess: InstancePolicy["kind"] = {
  $case: "keyCreateImportAccess",
  value: {
    createRootKey: true,
    createStandardKey: false,
    importRootKey: true,
    importStandardKey: true,
    enforceToken: true,
  },
};

const replace = async (
  gateway: TestGateway,
  policies: InstancePolicy[],
  acceptLockout = false,
): Promise<InstancePolicy[]> => {
  const request = { policies, acceptLockout };
  const { instancePolicies } = gateway.clients;
  return (await gateway.call(instancePolicies, "replaceInstancePolicies", request)).policies;
};
const refusal = async (gateway: TestGateway, ...policies: InstancePolicy[]) => {
  const request = { policies, acceptLockout: false };
  return gateway.failure(gateway.clients.instancePolicies, "replaceInstancePolicies", request);
};
const at = (alias: string) => ({ metadata: { "x-kp-instance": alias } });
const replacing = (policy: InstancePolicy) => ({ policies: [policy], acceptLockout: false });
const read = async (gateway: TestGateway, kind: InstancePolicyKind = 0) =>
  (await gateway.call(gateway.clients.instancePolicies, "getInstancePolicies", { kind })).policies;

const secondInstance = "22222222-2222-4333-8444-555555555555";

/** One instance under three aliases, of which the private endpoint is never called, and another. */
const aliases = ({ url, instanceId }: { url: string; instanceId: string }) => ({
  "gateway.yaml": JSON.stringify({
    instances: [
      { alias: "here", serviceUrl: url, instanceId, egressAddresses: ["203.0.113.7"] },
      { alias: "there", serviceUrl: url, instanceId, egressAddresses: "198.51.100.1" },
      {
        alias: "private",
        serviceUrl: "https://private.us-south.kms.cloud.ibm.com",
        instanceId: instanceId.toUpperCase(),
      },
      {
        alias: "other",
        serviceUrl: url,
        instanceId: secondInstance,
        egressAddresses: ["203.0.113.7"],
      },
    ],
  }),
});

describe("the policies of an instance", () => {
  test("all six kinds are set with one request, and read together and one by one", async () => {
    await using gateway = await startTestGateway({
      env: { GATEWAY_EGRESS_ADDRESSES: "127.0.0.1" },
    });
    expect(await read(gateway)).toEqual([]);
    const policies = [
      ofNetwork(InstanceNetwork.PUBLIC_AND_PRIVATE),
      ofIp("127.0.0.0/8", "2001:db8::/32"),
      dualAuth,
      metrics,
      access,
      ofRotation(3),
    ];
    gateway.emulator.requests.clear();
    const inForce = await replace(gateway, policies);
    expect(gateway.upstreamRequests()).toEqual([
      "PUT /api/v2/instance/policies",
      "GET /api/v2/instance/policies",
    ]);
    expect(inForce.map(({ kind }) => kind)).toEqual(
      policies.map(({ kind }) => (kind?.$case === "keyCreateImportAccess" ? fullAccess : kind)),
    );
    for (const policy of inForce) {
      expect(policy).toMatchObject({
        enabled: true,
        createTime: expect.any(Date),
        updateTime: expect.any(Date),
        createdBy: "IBMid-EMULATOR0A",
        updatedBy: "IBMid-EMULATOR0A",
      });
    }
    expect(await read(gateway)).toEqual(inForce);
    const kinds = Object.values(InstancePolicyKind).filter((kind) => kind !== 0);
    const each = await Promise.all(kinds.map((kind) => read(gateway, kind)));
    expect(each.map((found) => found.length)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(new Set(each.flat())).toEqual(new Set(inForce));
  });

  test("a policy that was read can be sent back, also one that is disabled", async () => {
    await using gateway = await startTestGateway({
      env: { GATEWAY_EGRESS_ADDRESSES: "127.0.0.1" },
    });
    await replace(gateway, [access, ofIp("127.0.0.1/32"), ofRotation(3)]);
    const disabled = await replace(gateway, [
      instancePolicy({ $case: "keyCreateImportAccess", value: {} }, false),
      ofIp(),
      ofRotation(0),
      ofNetwork(InstanceNetwork.PRIVATE_ONLY, false),
    ]);
    expect(disabled.map(({ enabled }) => enabled)).toEqual([false, false, false, false]);
    const again = await replace(gateway, disabled);
    expect(again.map(({ kind }) => kind)).toEqual(disabled.map(({ kind }) => kind));
  });

  test("a change keeps the policies of other kinds", async () => {
    await using gateway = await startTestGateway();
    await replace(gateway, [metrics, ofRotation(3)]);
    const inForce = await replace(gateway, [ofRotation(6)]);
    expect(inForce.map(({ kind }) => kind)).toEqual([metrics.kind, ofRotation(6).kind]);
  });

  test("new keys get the policies of the instance, and what it forbids is refused", async () => {
    await using gateway = await startTestGateway();
    const { policies, keys } = gateway.clients;
    await replace(gateway, [dualAuth, ofRotation(3), access]);
    const keyId = await createKeyId(gateway);
    const found = await gateway.call(policies, "getKeyPolicies", { keyId });
    expect(found.policies.map(({ kind }) => kind)).toEqual([
      rotationPolicy(3, true).kind,
      dualAuthPolicy(true).kind,
    ]);
    expect(await gateway.failure(keys, "createKey", { name: "standard", type: 2 })).toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "INSTANCE_POLICY_VIOLATION",
    });
  });

  test("the port of the private endpoint is there as long as addresses are limited", async () => {
    await using gateway = await startTestGateway();
    const { instancePolicies } = gateway.clients;
    const port = async () =>
      (await gateway.call(instancePolicies, "getPrivateEndpointPort", {})).port;
    expect(await port()).toBeUndefined();
    await replace(gateway, [ofIp("10.0.0.0/8")], true);
    expect(await port()).toBe(15_008);
    await replace(gateway, [ofIp()]);
    expect(await port()).toBeUndefined();
  });

  test("1,000 allowed networks are set, and fit into an answer that names them twice", async () => {
    await using gateway = await startTestGateway();
    const cidrs = Array.from(
      { length: 1_000 },
      (_, index) => `2001:db8:${index.toString(16).padStart(4, "0")}:1111:2222:3333:4444:0000/112`,
    );
    const [policy] = await replace(gateway, [ofIp(...cidrs)], true);
    expect(policy?.kind).toEqual({ $case: "allowedIp", value: { cidrs } });
  });

  test("users without the role Manager neither set nor read them", async () => {
    const reader = { apiKey: "writer-of-tests", subject: "IBMid-W", roles: ["Writer"] } as const;
    await using gateway = await startTestGateway({ emulator: { users: [reader] } });
    const { instancePolicies } = gateway.clients;
    const denied = { code: "PERMISSION_DENIED", reason: "UPSTREAM_ACCESS_DENIED" };
    expect(await refusal(gateway, metrics)).toMatchObject(denied);
    expect(await gateway.failure(instancePolicies, "getInstancePolicies", {})).toMatchObject(
      denied,
    );
    expect(await gateway.failure(instancePolicies, "getPrivateEndpointPort", {})).toMatchObject(
      denied,
    );
  });

  test("a rule has to name ReplaceInstancePolicies; a wildcard covers the reads alone", async () => {
    await using gateway = await startTestGateway({
      env: { GATEWAY_CONFIG: "gateway.yaml" },
      files: {
        "gateway.yaml": JSON.stringify({
          policy: { rules: [{ callers: ["*"], methods: ["InstancePoliciesService/*"] }] },
        }),
      },
    });
    await read(gateway);
    expect(await refusal(gateway, metrics)).toMatchObject({
      code: "PERMISSION_DENIED",
      reason: "CALLER_NOT_AUTHORIZED",
    });
  });

  test("an instance of the 2019 API has none, and is asked for none", async () => {
    await using gateway = await startTestGateway({ dialect: "2019" });
    const { instancePolicies, policies } = gateway.clients;
    const keyId = "11111111-2222-4333-8444-555555555555";
    for (const failure of [
      await refusal(gateway, ofNetwork(InstanceNetwork.PRIVATE_ONLY)),
      await gateway.failure(instancePolicies, "getInstancePolicies", {}),
      await gateway.failure(instancePolicies, "getPrivateEndpointPort", {}),
      await gateway.failure(policies, "getKeyPolicies", {
        keyId,
        kind: KeyPolicyKind.DUAL_AUTH_DELETE,
      }),
    ]) {
      expect(failure).toMatchObject({ code: "UNIMPLEMENTED", reason: "OPERATION_UNSUPPORTED" });
    }
    expect(gateway.upstreamRequests()).toEqual([]);
  });
});

describe("the guard against lock-outs", () => {
  const lockout = { code: "FAILED_PRECONDITION", reason: "POLICY_LOCKOUT" };

  test("policies that may shut the gateway out are refused, and nothing is sent", async () => {
    await using gateway = await startTestGateway();
    const failure = await refusal(
      gateway,
      metrics,
      ofIp("0.0.0.0/0"),
      ofNetwork(InstanceNetwork.PRIVATE_ONLY),
    );
    expect(failure).toMatchObject({
      ...lockout,
      errorInfo: { metadata: { attempts: "0", mayHaveExecuted: "false" } },
      preconditionFailure: {
        violations: [
          { type: "ALLOWED_IP", subject: "instances/default" },
          { type: "ALLOWED_NETWORK", subject: "instances/default" },
        ],
      },
    });
    expect(failure.retryInfo).toBeUndefined();
    expect(failure.message).not.toContain("127.0.0.1");
    expect(gateway.upstreamRequests()).toEqual([]);
    expect(await read(gateway)).toEqual([]);
  });

  test("an accepted lock-out is a success although the gateway can read nothing after it", async () => {
    await using gateway = await startTestGateway();
    const policy = ofNetwork(InstanceNetwork.PRIVATE_ONLY);
    gateway.emulator.faults.add({
      match: { method: "GET", path: "/api/v2/instance/policies" },
      action: { kind: "respond", status: 401 },
    });
    expect(await replace(gateway, [policy, metrics], true)).toEqual([policy, metrics]);
    expect(gateway.log()).toContainEqual(
      expect.objectContaining({
        level: "warn",
        caller: "anonymous",
        instance: "default",
        causes: ["the gateway does not use a private endpoint of IBM Cloud"],
        msg: "a caller sets policies although they may shut the gateway out",
      }),
    );
    expect(gateway.log()).toContainEqual(
      expect.objectContaining({
        method: "ReplaceInstancePolicies",
        msg: "the change is done, but reading its result failed",
      }),
    );
    gateway.emulator.faults.clear();
    expect((await read(gateway)).map(({ kind }) => kind)).toEqual([policy.kind, metrics.kind]);
  });

  test("a change whose answer was lost is repeated, and succeeds", async () => {
    await using gateway = await startTestGateway();
    gateway.emulator.faults.add({
      match: { method: "PUT" },
      action: { kind: "reset", when: "after-processing" },
      times: 1,
    });
    expect((await replace(gateway, [metrics])).map(({ kind }) => kind)).toEqual([metrics.kind]);
  });

  test("known addresses of the gateway decide whether allowed addresses shut it out", async () => {
    await using gateway = await startTestGateway({
      env: { GATEWAY_EGRESS_ADDRESSES: "203.0.113.7, 198.51.100.0/30" },
    });
    expect(await refusal(gateway, ofIp("203.0.113.0/24"))).toMatchObject(lockout);
    expect(await replace(gateway, [ofIp("203.0.113.0/24", "198.51.100.0/24")])).toHaveLength(1);
    expect(await replace(gateway, [ofIp("203.0.113.0/24")], true)).toHaveLength(1);
  });

  test("every alias of the instance counts, and no other instance", async () => {
    await using gateway = await startTestGateway({
      emulator: { instanceIds: [defaultInstanceId, secondInstance] },
      env: {
        KP_SERVICE_URL: "",
        KP_INSTANCE_ID: "",
        KP_API_DIALECT: "",
        GATEWAY_CONFIG: "gateway.yaml",
      },
      files: aliases,
    });
    const { instancePolicies } = gateway.clients;
    const isPrivate = replacing(ofNetwork(InstanceNetwork.PRIVATE_ONLY));
    const isHere = replacing(ofIp("203.0.113.0/24"));
    for (const [alias, request] of [
      ["private", isPrivate],
      ["here", isPrivate],
      ["here", isHere],
      ["there", isHere],
    ] as const) {
      expect(
        await gateway.failure(instancePolicies, "replaceInstancePolicies", request, at(alias)),
      ).toMatchObject(lockout);
    }
    expect(gateway.upstreamRequests()).toEqual([]);
    await gateway.call(instancePolicies, "replaceInstancePolicies", isHere, at("other"));
  });
});

test("GetKeyPolicies reads the policies of one kind", async () => {
  await using gateway = await startTestGateway();
  const { policies } = gateway.clients;
  const keyId = await createKeyId(gateway);
  await gateway.call(policies, "replaceKeyPolicies", {
    keyId,
    policies: [rotationPolicy(3), dualAuthPolicy(true)],
  });
  const kindsOf = async (kind: KeyPolicyKind) => {
    const found = await gateway.call(policies, "getKeyPolicies", { keyId, kind });
    return found.policies.map((policy) => policy.kind?.$case);
  };
  gateway.emulator.requests.clear();
  expect(await kindsOf(KeyPolicyKind.ROTATION)).toEqual(["rotation"]);
  expect(await kindsOf(KeyPolicyKind.DUAL_AUTH_DELETE)).toEqual(["dualAuthDelete"]);
  expect(await kindsOf(KeyPolicyKind.UNSPECIFIED)).toEqual(["rotation", "dualAuthDelete"]);
  const path = `GET /api/v2/keys/${keyId}/policies`;
  expect(gateway.upstreamRequests()).toEqual([
    `${path}?policy=rotation`,
    `${path}?policy=dualAuthDelete`,
    path,
  ]);
});

test("GetKeyPolicies reads the one kind of the 2019 API", async () => {
  await using gateway = await startTestGateway({ dialect: "2019" });
  const { policies } = gateway.clients;
  const keyId = await createKeyId(gateway);
  await gateway.call(policies, "replaceKeyPolicies", { keyId, policies: [rotationPolicy(3)] });
  const request = { keyId, kind: KeyPolicyKind.ROTATION };
  const found = await gateway.call(policies, "getKeyPolicies", request);
  expect(found.policies.map(({ kind }) => kind)).toEqual([rotationPolicy(3, true).kind]);
});
