import { describe, expect, test } from "vitest";
import { createKeyProtectClient, type KeyProtectClient } from "../../../src/keyprotect/client.ts";
import {
  call,
  createScriptedClient,
  instanceId,
  keyId,
  keyProtectErrorOf,
  keys,
  rootKey,
} from "./fake-upstream.ts";

const plaintext = Buffer.alloc(32, "p");
const isZero = (bytes: Buffer | undefined) =>
  bytes !== undefined && bytes.length > 0 && bytes.every((byte) => byte === 0);

describe("bodies with secrets", () => {
  test("the body of a request is zeroed once the response is there", async () => {
    const { client, requestBodies } = createScriptedClient("current", {
      status: 200,
      body: { ciphertext: "YWFh" },
    });
    await client.wrapKey(call, keyId, { plaintext, aad: [] });
    expect(isZero(requestBodies[0])).toBe(true);
  });

  test("the body of a request is zeroed if there is no response", async () => {
    const bodies: (Buffer | undefined)[] = [];
    const client = createKeyProtectClient({
      send: async ({ body }) => {
        bodies.push(body);
        throw new Error("no answer");
      },
      dialect: "current",
      instanceId,
    });
    await expect(
      client.rotateKey(call, keyId, { kind: "plain", payload: plaintext }),
    ).rejects.toThrow("no answer");
    expect(isZero(bodies[0])).toBe(true);
  });

  test("buffers that the caller passed in or gets back are not zeroed", async () => {
    const { client } = createScriptedClient(
      "current",
      { status: 200, body: { ciphertext: "YWFh" } },
      { status: 200, body: { plaintext: Buffer.alloc(32, "g").toString("base64") } },
      { status: 204 },
    );
    const material = Buffer.alloc(32, "m");
    await client.wrapKey(call, keyId, { plaintext: material, aad: [] });
    const unwrapped = await client.unwrapKey(call, keyId, { ciphertext: material, aad: [] });
    await client.rotateKey(call, keyId, { kind: "plain", payload: material });
    expect(unwrapped.plaintext).toEqual(Buffer.alloc(32, "g"));
    expect(material).toEqual(Buffer.alloc(32, "m"));
  });

  const asks: readonly (readonly [string, (client: KeyProtectClient) => Promise<unknown>])[] = [
    ["unwrapKey", (client) => client.unwrapKey(call, keyId, { ciphertext: plaintext, aad: [] })],
    ["wrapKey", (client) => client.wrapKey(call, keyId, { aad: [] })],
    ["getKeyMaterial", (client) => client.getKeyMaterial(call, keyId)],
    ["getKey of 2019", (client) => client.getKey(call, keyId)],
    ["retrieveLocker", (client) => client.retrieveLocker(call, keyId)],
    ["deleteKey", (client) => client.deleteKey(call, keyId, { prefer: "minimal", force: false })],
  ];

  test.each(asks)("the response body of %s is zeroed even if it is malformed", async (_, ask) => {
    for (const status of [200, 202, 500]) {
      const { client, responses } = createScriptedClient("2019", {
        status,
        body: '{"plaintext":"c2VjcmV0"',
      });
      await ask(client).catch(() => undefined);
      expect(isZero(responses[0]?.body)).toBe(true);
    }
  });

  test("a response body without secrets is not zeroed, because a layer may share it", async () => {
    const { client, responses } = createScriptedClient("current", {
      status: 200,
      body: keys(rootKey),
    });
    await client.getKey(call, keyId);
    expect(JSON.parse(String(responses[0]?.body))).toMatchObject({ resources: [{ id: keyId }] });
  });
});

test("no request of the client has a credential", async () => {
  const { client, sent } = createScriptedClient("current", { status: 500 });
  await keyProtectErrorOf(client.countKeys(call));
  expect(Object.keys(sent[0]?.headers ?? {})).not.toContain("authorization");
});
