import { describe, expect, test } from "vitest";
import { call, createScriptedClient, keyId, keys, otherKeyId, rootKey } from "../fake-upstream.ts";

const readKey = async (fields: object, idOrAlias = keyId) => {
  const { client, anomalies } = createScriptedClient("current", {
    status: 200,
    body: keys({ ...rootKey, ...fields }),
  });
  return { key: await client.getKey(call, idOrAlias), anomalies };
};

describe("a key", () => {
  test("a key needs nothing but an ID", async () => {
    const { client } = createScriptedClient("current", { status: 200, body: keys({ id: keyId }) });
    expect(await client.getKey(call, keyId)).toMatchObject({ id: keyId, tags: [] });
  });

  test("a key is the requested one whatever the case of its UUID", async () => {
    expect((await readKey({}, keyId.toUpperCase())).key.id).toBe(keyId);
  });

  test("a key requested by alias may have any ID and no aliases", async () => {
    expect((await readKey({ id: otherKeyId, aliases: undefined }, "demo-alias")).key.id).toBe(
      otherKeyId,
    );
  });

  test("an unknown state of a key is passed through and reported", async () => {
    const { key, anomalies } = await readKey({ state: 42 });
    expect(key.state).toBe(42);
    expect(anomalies).toEqual(["unknown_key_state"]);
  });

  test("a malformed date of a key is dropped and reported", async () => {
    for (const creationDate of ["yesterday", "2026-02-30T00:00:00Z", 1_767_323_045, {}]) {
      const { key, anomalies } = await readKey({ creationDate });
      expect(key.creationDate).toBeUndefined();
      expect(anomalies).toEqual(["malformed_date"]);
    }
  });

  test("a zero date of a key counts as absent", async () => {
    const { key, anomalies } = await readKey({ lastUpdateDate: "0001-01-01T00:00:00Z" });
    expect(key.lastUpdateDate).toBeUndefined();
    expect(anomalies).toEqual([]);
  });

  test("a null field of a key counts as absent", async () => {
    const { key } = await readKey({ name: null, tags: null, state: null, extractable: null });
    expect(key).toMatchObject({ tags: [] });
    expect([key.name, key.state, key.extractable]).toEqual([undefined, undefined, undefined]);
  });

  test("a key is read in the lower-case spelling of 2019", async () => {
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
  ])(
    "a key with the algorithm metadata %j has the algorithm %j",
    async (algorithmMetadata, algorithm) => {
      const { key } = await readKey({ algorithmType: "AES", algorithmMetadata });
      expect(key.algorithm).toEqual(algorithm);
    },
  );

  test("a polluted prototype has no effect on a key", async () => {
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

  test("material is not read if a creation asked for a minimal response", async () => {
    const { client } = createScriptedClient("current", { status: 201, body: keys(standardKey) });
    const key = await client.createKey(call, {
      name: "demo",
      description: undefined,
      tags: [],
      expirationDate: undefined,
      extractable: true,
      material: undefined,
      aliases: [],
      policyOverrides: undefined,
      prefer: "minimal",
    });
    expect(key.payload).toBeUndefined();
  });

  test("material may be absent while a creation is still under way", async () => {
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
      aliases: [],
      policyOverrides: undefined,
      prefer: "representation",
    });
    expect(key).toMatchObject({ id: keyId, payload: undefined });
  });
});
