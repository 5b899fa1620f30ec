import { describe, expect, test } from "vitest";
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
