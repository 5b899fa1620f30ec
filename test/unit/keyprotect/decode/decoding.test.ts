import { describe, expect, test } from "vitest";
import {
  call,
  createScriptedClient,
  keyId,
  keys,
  otherKeyId,
  policies,
  rootKey,
} from "../fake-upstream.ts";

const readKey = async (fields: object, idOrAlias = keyId) => {
  const { client, anomalies } = createScriptedClient("current", {
    status: 200,
    body: keys({ ...rootKey, ...fields }),
  });
  return { key: await client.getKey(call, idOrAlias), anomalies };
};

const readPolicies = async (...resources: object[]) => {
  const { client, anomalies } = createScriptedClient("2019", {
    status: 200,
    body: policies(...resources),
  });
  return { found: await client.getKeyPolicies(call, keyId), anomalies };
};

describe("a key", () => {
  test("is read from its ID alone", async () => {
    const { client } = createScriptedClient("current", { status: 200, body: keys({ id: keyId }) });
    expect(await client.getKey(call, keyId)).toMatchObject({ id: keyId, tags: [] });
  });

  test("is the one asked for whatever the case of its UUID", async () => {
    expect((await readKey({}, keyId.toUpperCase())).key.id).toBe(keyId);
  });

  test("asked for by alias may have any ID, and need not tell its aliases", async () => {
    expect((await readKey({ id: otherKeyId, aliases: undefined }, "demo-alias")).key.id).toBe(
      otherKeyId,
    );
  });

  test("passes an unknown state through and reports it", async () => {
    const { key, anomalies } = await readKey({ state: 42 });
    expect(key.state).toBe(42);
    expect(anomalies).toEqual(["unknown_key_state"]);
  });

  test("loses a malformed date, which is reported", async () => {
    for (const creationDate of ["yesterday", "2026-02-30T00:00:00Z", 1_767_323_045, {}]) {
      const { key, anomalies } = await readKey({ creationDate });
      expect(key.creationDate).toBeUndefined();
      expect(anomalies).toEqual(["malformed_date"]);
    }
  });

  test("has no date where the upstream's language writes an unset one", async () => {
    const { key, anomalies } = await readKey({ lastUpdateDate: "0001-01-01T00:00:00Z" });
    expect(key.lastUpdateDate).toBeUndefined();
    expect(anomalies).toEqual([]);
  });

  test("has nothing where the upstream wrote null", async () => {
    const { key } = await readKey({ name: null, tags: null, state: null, extractable: null });
    expect(key).toMatchObject({ tags: [] });
    expect([key.name, key.state, key.extractable]).toEqual([undefined, undefined, undefined]);
  });

  test("is read in the lower-case spelling of 2019", async () => {
    const { key } = await readKey({
      createdBy: undefined,
      createdby: "IBMid-9",
      creationDate: undefined,
      creationdate: "2019-04-01T00:00:00Z",
    });
    expect(key.createdBy).toBe("IBMid-9");
    expect(key.creationDate).toEqual(new Date("2019-04-01T00:00:00Z"));
  });

  test.each([
    [
      { bitLength: "192", mode: "CBC_PAD" },
      { type: "AES", bitLength: 192, mode: "CBC_PAD" },
    ],
    [
      { bitLength: 128, mode: "GCM" },
      { type: "AES", bitLength: 128, mode: "GCM" },
    ],
    [{ bitLength: "Deprecated", mode: "Deprecated" }, undefined],
    [{ bitLength: "256" }, undefined],
    [{ mode: "GCM" }, undefined],
    [undefined, undefined],
  ])("with algorithm metadata %j has algorithm %j", async (algorithmMetadata, algorithm) => {
    const { key } = await readKey({ algorithmType: "AES", algorithmMetadata });
    expect(key.algorithm).toEqual(algorithm);
  });

  test("of a polluted prototype takes nothing from it", async () => {
    Reflect.defineProperty(Object.prototype, "deletedBy", { value: "x", configurable: true });
    try {
      expect((await readKey({})).key.deletedBy).toBeUndefined();
    } finally {
      Reflect.deleteProperty(Object.prototype, "deletedBy");
    }
  });
});

describe("material", () => {
  const standardKey = { ...rootKey, extractable: true, payload: "c2VjcmV0" };

  test("is not read from a creation that was to answer with little", async () => {
    const { client } = createScriptedClient("current", { status: 201, body: keys(standardKey) });
    const key = await client.createKey(call, {
      name: "demo",
      description: undefined,
      tags: [],
      expirationDate: undefined,
      extractable: true,
      material: undefined,
      prefer: "minimal",
    });
    expect(key.payload).toBeUndefined();
  });

  test("may be absent from a creation that is still under way", async () => {
    const { client } = createScriptedClient("2019", {
      status: 201,
      body: keys({ ...standardKey, payload: undefined }),
    });
    const key = await client.createKey(call, {
      name: "demo",
      description: undefined,
      tags: [],
      expirationDate: undefined,
      extractable: true,
      material: undefined,
      prefer: "representation",
    });
    expect(key).toMatchObject({ id: keyId, payload: undefined });
  });
});

describe("policies", () => {
  test("are none where neither resources nor a total is there", async () => {
    const { client } = createScriptedClient("2019", {
      status: 200,
      body: { metadata: { collectionType: "application/vnd.ibm.kms.policy+json" } },
    });
    expect(await client.getKeyPolicies(call, keyId)).toEqual([]);
  });

  test("are read in the spelling of 2019", async () => {
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
        kind: { kind: "rotation", intervalMonths: 2 },
        createdBy: "IBMid-1",
        creationDate: new Date("2019-04-01T00:00:00Z"),
        updatedBy: "IBMid-2",
        lastUpdateDate: new Date("2019-04-02T00:00:00Z"),
      },
    ]);
  });

  test("asked for by alias may be of any key", async () => {
    const body = policies({ crn: `crn:v1:x:key:${otherKeyId}`, rotation: { interval_month: 2 } });
    const { client } = createScriptedClient("current", { status: 200, body });
    expect(await client.getKeyPolicies(call, "demo-alias")).toHaveLength(1);
  });

  test("that are switched off are left out", async () => {
    const { found } = await readPolicies(
      { rotation: { enabled: false, interval_month: 2 } },
      { rotation: { enabled: false } },
    );
    expect(found).toEqual([]);
  });

  test("of two kinds in one resource are two", async () => {
    const { found } = await readPolicies({
      rotation: { interval_month: 2 },
      dualAuthDelete: { enabled: true },
    });
    expect(found.map(({ kind }) => kind)).toEqual([
      { kind: "rotation", intervalMonths: 2 },
      { kind: "dualAuthDelete", enabled: true },
    ]);
  });

  test("of an unknown kind are kept and reported", async () => {
    const { found, anomalies } = await readPolicies({
      type: "application/vnd.ibm.kms.policy+json",
    });
    expect(found.map(({ kind }) => kind)).toEqual([{ kind: "unknown" }]);
    expect(anomalies).toEqual(["unknown_policy_kind"]);
  });
});
