import { describe, expect, test } from "vitest";
import type { KeyProtectClient } from "../../../../src/keyprotect/client.ts";
import { call, createScriptedClient, keyId, otherKeyId, policies } from "../fake-upstream.ts";

const readPolicies = async (...resources: object[]) => {
  const { client, anomalies } = createScriptedClient("2019", {
    status: 200,
    body: policies(...resources),
  });
  return { found: await client.getKeyPolicies(call, keyId), anomalies };
};

describe("policies", () => {
  test("a response with neither resources nor a total has no policies", async () => {
    const { client } = createScriptedClient("2019", {
      status: 200,
      body: { metadata: { collectionType: "application/vnd.ibm.kms.policy+json" } },
    });
    expect(await client.getKeyPolicies(call, keyId)).toEqual([]);
  });

  test("policies are read in the spelling of 2019", async () => {
    const { found } = await readPolicies({
      crn: `crn:v1:bluemix:public:kms:us-south:a/acct:instance:policy:${otherKeyId}`,
      rotation: { interval_month: 2 },
      createdby: "IBMid-1",
      createdat: "2019-04-01T00:00:00Z",
      updatedby: "IBMid-2",
      updatedat: "2019-04-02T00:00:00Z",
    });
    expect(found).toEqual([
      {
        crn: `crn:v1:bluemix:public:kms:us-south:a/acct:instance:policy:${otherKeyId}`,
        kind: { kind: "rotation", enabled: true, intervalMonths: 2 },
        createdBy: "IBMid-1",
        creationDate: new Date("2019-04-01T00:00:00Z"),
        updatedBy: "IBMid-2",
        lastUpdateDate: new Date("2019-04-02T00:00:00Z"),
      },
    ]);
  });

  const policyCollection = "application/vnd.ibm.kms.policy+json";
  const keyCollection = "application/vnd.ibm.kms.key+json";
  const genericCollection = "application/vnd.ibm.collection+json";

  test.each([
    ["2019", policyCollection, false],
    ["2019", policyCollection, true],
    ["2019", keyCollection, false],
    ["2019", keyCollection, true],
    ["2019", genericCollection, true],
    ["current", policyCollection, false],
    ["current", genericCollection, false],
  ] as const)(
    "the %s dialect reads policies in a collection of type %s, in a list of metadata: %s",
    async (dialect, collectionType, isListed) => {
      const metadata = { collectionType, collectionTotal: 1 };
      const body = {
        metadata: isListed ? [metadata] : metadata,
        resources: [{ type: keyCollection, rotation: { interval_month: 2 } }],
      };
      for (const ask of [
        (client: KeyProtectClient) => client.getKeyPolicies(call, keyId),
        async (client: KeyProtectClient) =>
          (await client.replaceKeyPolicies(call, keyId, [{ kind: "rotation", intervalMonths: 2 }]))
            .policies,
      ]) {
        const { client } = createScriptedClient(dialect, { status: 200, body });
        expect((await ask(client)).map(({ kind }) => kind)).toEqual([
          { kind: "rotation", enabled: true, intervalMonths: 2 },
        ]);
      }
    },
  );

  const ofPolicies = { collectionType: policyCollection, collectionTotal: 1 };

  test.each([
    ["2019", { collectionType: "application/vnd.ibm.kms.locker+json" }],
    ["2019", []],
    ["2019", [ofPolicies, ofPolicies]],
    ["2019", [[ofPolicies]]],
    ["2019", ["text"]],
    // A key has fields of policies too, so a collection of keys could be taken for policies.
    ["current", { collectionType: keyCollection }],
    ["current", [ofPolicies]],
  ] as const)("the %s dialect refuses policies with the metadata %j", async (dialect, metadata) => {
    const body = { metadata, resources: [{ rotation: { interval_month: 2 } }] };
    const { client } = createScriptedClient(dialect, { status: 200, body });
    await expect(client.getKeyPolicies(call, keyId)).rejects.toMatchObject({
      code: "BAD_RESPONSE",
    });
  });

  test("policies requested by alias may belong to any key", async () => {
    const body = policies({ crn: `crn:v1:x:key:${otherKeyId}`, rotation: { interval_month: 2 } });
    const { client } = createScriptedClient("current", { status: 200, body });
    expect(await client.getKeyPolicies(call, "demo-alias")).toHaveLength(1);
  });

  test("a disabled rotation policy is shown as disabled, with its interval if it has one", async () => {
    const { found } = await readPolicies(
      { rotation: { enabled: false, interval_month: 2 } },
      { rotation: { enabled: false } },
      { rotation: { enabled: false, interval_month: 0 } },
    );
    expect(found.map(({ kind }) => kind)).toEqual([
      { kind: "rotation", enabled: false, intervalMonths: 2 },
      { kind: "rotation", enabled: false, intervalMonths: undefined },
      { kind: "rotation", enabled: false, intervalMonths: undefined },
    ]);
  });

  test.each([
    [{ enabled: true }],
    [{ enabled: true, interval_month: 0 }],
    [{ enabled: "no", interval_month: 2 }],
    [{ enabled: false, interval_month: "2" }],
  ])("the rotation policy %j is malformed", async (rotation) => {
    await expect(readPolicies({ rotation })).rejects.toMatchObject({ code: "BAD_RESPONSE" });
  });

  test("one resource with two kinds of policies is two policies", async () => {
    const { found } = await readPolicies({
      rotation: { interval_month: 2 },
      dualAuthDelete: { enabled: true },
    });
    expect(found.map(({ kind }) => kind)).toEqual([
      { kind: "rotation", enabled: true, intervalMonths: 2 },
      { kind: "dualAuthDelete", enabled: true },
    ]);
  });

  test("policies of an unknown kind are kept and reported", async () => {
    const { found, anomalies } = await readPolicies({
      type: "application/vnd.ibm.kms.policy+json",
    });
    expect(found.map(({ kind }) => kind)).toEqual([{ kind: "unknown" }]);
    expect(anomalies).toEqual(["unknown_policy_kind"]);
  });
});
