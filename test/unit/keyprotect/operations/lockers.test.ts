import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { importTokenId } from "../../../../src/keyprotect/dialects/dialect-current.ts";
import { transportKey } from "../../../../src/keyprotect/decode/locker.ts";
import { isUuid } from "../../../../src/platform/uuid.ts";
import { call, createScriptedClient, instanceId, keyProtectErrorOf } from "../fake-upstream.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const der = rsa.publicKey.export({ type: "spki", format: "der" });
const pem = Buffer.from(rsa.publicKey.export({ type: "spki", format: "pem" }));

describe("the transport key", () => {
  test("a transport key is the same DER whether it is sent as DER or as PEM", () => {
    expect(transportKey(der)).toEqual(der);
    expect(transportKey(pem)).toEqual(der);
  });

  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const weak = generateKeyPairSync("rsa", { modulusLength: 1024 });
  const pss = generateKeyPairSync("rsa-pss", { modulusLength: 2048 });
  test.each([
    ["a key on an elliptic curve", ec.publicKey.export({ type: "spki", format: "der" })],
    ["a key for signatures alone", pss.publicKey.export({ type: "spki", format: "der" })],
    ["a key of 1024 bits", weak.publicKey.export({ type: "spki", format: "der" })],
    ["a private key in DER", rsa.privateKey.export({ type: "pkcs8", format: "der" })],
    ["a private key in PEM", Buffer.from(rsa.privateKey.export({ type: "pkcs8", format: "pem" }))],
    ["a key outside of its usual envelope", rsa.publicKey.export({ type: "pkcs1", format: "der" })],
    ["truncated DER", der.subarray(0, 100)],
    ["truncated PEM", pem.subarray(0, 100)],
    ["a text", Buffer.from("Four score and seven years ago")],
    ["nothing", Buffer.alloc(0)],
  ])("a transport key cannot be %s", (_, payload) => {
    expect(() => transportKey(payload)).toThrow(
      expect.objectContaining({ name: "KeyProtectError", code: "BAD_RESPONSE" }),
    );
  });
});

describe("the ID of an import token", () => {
  const created = "2026-01-02T03:04:05Z";

  test("the ID of an import token is a version 8 UUID that never changes", () => {
    const id = importTokenId(instanceId, created);
    expect(isUuid(id)).toBe(true);
    expect(id).toMatch(/^.{14}8.{4}[89ab]/);
    expect(id).toBe("b3c7ac3e-ce43-835c-b17f-bba24bb1d998");
  });

  test("the ID of an import token depends on instance and creation date", () => {
    const ids = [
      importTokenId(instanceId, created),
      importTokenId(instanceId, "2026-01-02T03:04:06Z"),
      importTokenId("bb11aa11-0000-4000-8000-00000000aa11", created),
    ];
    expect(new Set(ids).size).toBe(3);
  });

  const token = {
    creationDate: created,
    payload: pem.toString("base64"),
    nonce: Buffer.alloc(12).toString("base64"),
  };

  test("an import token that has been replaced is not found", async () => {
    const { client } = createScriptedClient("current", { status: 200, body: token });
    const stale = importTokenId(instanceId, "2026-01-01T00:00:00Z");
    expect(await keyProtectErrorOf(client.retrieveLocker(call, stale))).toMatchObject({
      code: "REJECTED",
      httpStatus: 404,
    });
  });

  test.each([
    ["no date to derive an ID from", { creationDate: undefined }],
    ["no nonce", { nonce: undefined }],
    ["a nonce of 16 bytes", { nonce: Buffer.alloc(16).toString("base64") }],
    ["no transport key", { payload: undefined }],
  ])("an import token with %s is the error BAD_RESPONSE", async (_, fields) => {
    const body = { ...token, ...fields };
    const { client } = createScriptedClient("current", { status: 200, body });
    const error = await keyProtectErrorOf(
      client.retrieveLocker(call, importTokenId(instanceId, created)),
    );
    expect(error.code).toBe("BAD_RESPONSE");
  });
});

test("a 2019 locker without its import token is the error BAD_RESPONSE", async () => {
  const id = "77777777-2222-4333-8444-555555555555";
  const { client } = createScriptedClient("2019", {
    status: 200,
    body: { id, payload: der.toString("base64") },
  });
  expect((await keyProtectErrorOf(client.retrieveLocker(call, id))).code).toBe("BAD_RESPONSE");
});
