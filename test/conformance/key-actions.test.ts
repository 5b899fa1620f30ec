import { constants, createCipheriv, publicEncrypt, randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Emulator } from "../../src/emulator/emulator.ts";
import { startEmulator } from "../support/start-emulator.ts";
import {
  asObject,
  createVendorClient,
  collectionOf,
  firstResource,
  rejectionOf,
} from "./vendor-client.ts";
import type { VendorClient } from "./vendor-client.ts";

let emulator: Emulator;
let client: VendorClient;
let bluemixInstance: string;

beforeAll(async () => {
  emulator = await startEmulator();
  bluemixInstance = emulator.instanceId;
});
beforeEach(() => {
  emulator.reset();
  client = createVendorClient(emulator);
});
afterAll(() => emulator[Symbol.asyncDispose]());

async function createRootKey(resource: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const body = collectionOf({
    type: "application/vnd.ibm.kms.key+json",
    name: "conformance",
    extractable: false,
    ...resource,
  });
  return String(firstResource(await client.createKey({ bluemixInstance, body }))["id"]);
}

const plaintext = Buffer.from("this is a base64 string\n").toString("base64");

test("a wrapped key unwraps to the same plaintext with the same AAD", async () => {
  const id = await createRootKey();
  const aad = ["first", "second"];
  const wrapped = asObject(
    (await client.wrapKey({ bluemixInstance, id, keyActionWrapBody: { plaintext, aad } })).result,
  );
  expect(wrapped).not.toHaveProperty("plaintext");
  expect(String(wrapped["ciphertext"])).toMatch(/^eyJjaXBoZXJ0ZXh0Ijoi/);
  const keyActionUnwrapBody = { ciphertext: wrapped["ciphertext"], aad };
  const unwrapped = asObject(
    (await client.unwrapKey({ bluemixInstance, id, keyActionUnwrapBody })).result,
  );
  expect(unwrapped["plaintext"]).toBe(plaintext);
  const swapped = { ciphertext: wrapped["ciphertext"], aad: aad.toReversed() };
  expect(
    await rejectionOf(client.unwrapKey({ bluemixInstance, id, keyActionUnwrapBody: swapped })),
  ).toEqual([422, "UNPROCESSABLE_CIPHERTEXT_ERR"]);
});

test("a wrap without plaintext generates a data key of 256 bits", async () => {
  const id = await createRootKey();
  const { plaintext: generated, ciphertext } = asObject(
    (await client.wrapKey({ bluemixInstance, id, keyActionWrapBody: {} })).result,
  );
  expect(Buffer.from(String(generated), "base64")).toHaveLength(32);
  const unwrapped = await client.unwrapKey({
    bluemixInstance,
    id,
    keyActionUnwrapBody: { ciphertext },
  });
  expect(asObject(unwrapped.result)["plaintext"]).toBe(generated);
});

test("after a rotation an old ciphertext can be unwrapped and is returned rewrapped", async () => {
  const id = await createRootKey();
  const wrapped = asObject(
    (await client.wrapKey({ bluemixInstance, id, keyActionWrapBody: { plaintext } })).result,
  );
  expect((await client.rotateKey({ bluemixInstance, id, keyActionRotateBody: {} })).status).toBe(
    204,
  );

  const keyActionUnwrapBody = { ciphertext: wrapped["ciphertext"] };
  const unwrapped = asObject(
    (await client.unwrapKey({ bluemixInstance, id, keyActionUnwrapBody })).result,
  );
  expect(unwrapped["plaintext"]).toBe(plaintext);
  expect(unwrapped["keyVersion"]).toEqual(wrapped["keyVersion"]);
  const again = asObject(
    (
      await client.unwrapKey({
        bluemixInstance,
        id,
        keyActionUnwrapBody: { ciphertext: unwrapped["ciphertext"] },
      })
    ).result,
  );
  expect(again).toEqual({ plaintext, keyVersion: unwrapped["rewrappedKeyVersion"] });

  const rewrapped = await client.rewrapKey({
    bluemixInstance,
    id,
    keyActionRewrapBody: { ciphertext: wrapped["ciphertext"] },
  });
  expect(asObject(rewrapped.result)).toMatchObject({
    keyVersion: wrapped["keyVersion"],
    rewrappedKeyVersion: unwrapped["rewrappedKeyVersion"],
  });

  const versions = await client.getKeyVersions({ bluemixInstance, id, limit: 2 });
  expect(firstResource(versions)["id"]).toBe(asObject(unwrapped["rewrappedKeyVersion"])["id"]);
  expect(asObject(versions.result)["metadata"]).toMatchObject({ collectionTotal: 2 });
});

test("a second rotation within an hour is rejected", async () => {
  const id = await createRootKey();
  await client.rotateKey({ bluemixInstance, id, keyActionRotateBody: {} });
  expect(
    await rejectionOf(client.rotateKey({ bluemixInstance, id, keyActionRotateBody: {} })),
  ).toEqual([409, "KEY_ROTATION_NOT_PERMITTED"]);
  emulator.clock.advance(3_600_000);
  const client2 = createVendorClient(emulator);
  expect((await client2.rotateKey({ bluemixInstance, id, keyActionRotateBody: {} })).status).toBe(
    204,
  );
});

test("an imported key can be rotated to material of another length", async () => {
  const id = await createRootKey({ payload: Buffer.alloc(16, "8").toString("base64") });
  const wrapped = asObject(
    (await client.wrapKey({ bluemixInstance, id, keyActionWrapBody: { plaintext } })).result,
  );
  expect(
    await rejectionOf(client.rotateKey({ bluemixInstance, id, keyActionRotateBody: {} })),
  ).toEqual([400, "KEY_PAYLOAD_REQ_ERR"]);
  const payload = Buffer.from("It is a really important message").toString("base64");
  await client.rotateKey({ bluemixInstance, id, keyActionRotateBody: { payload } });
  const unwrapped = await client.unwrapKey({
    bluemixInstance,
    id,
    keyActionUnwrapBody: { ciphertext: wrapped["ciphertext"] },
  });
  expect(asObject(unwrapped.result)["plaintext"]).toBe(plaintext);
  expect(firstResource(await client.getKey({ bluemixInstance, id }))["algorithmBitSize"]).toBe(256);
});

interface EncryptedImport {
  readonly payload: string;
  readonly encryptedNonce: string;
  readonly iv: string;
  readonly encryptionAlgorithm: string;
}

async function encryptForImport(material: Buffer): Promise<EncryptedImport> {
  const token = asObject((await client.getImportToken({ bluemixInstance })).result);
  const key = Buffer.from(String(token["payload"]), "base64").toString("utf8");
  expect(key).toMatch(/^-----BEGIN PUBLIC KEY-----/);
  const payload = publicEncrypt(
    { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" },
    material,
  );
  expect(payload).toHaveLength(512);
  const iv = randomBytes(12);
  const cipher = createCipheriv(`aes-256-gcm`, material, iv);
  const nonce = Buffer.from(String(token["nonce"]), "base64");
  const encryptedNonce = Buffer.concat([cipher.update(nonce), cipher.final(), cipher.getAuthTag()]);
  return {
    payload: payload.toString("base64"),
    encryptedNonce: encryptedNonce.toString("base64"),
    iv: iv.toString("base64"),
    encryptionAlgorithm: "RSAES_OAEP_SHA_256",
  };
}

test("material encrypted for an import token becomes the intended root key", async () => {
  const posted = await client.postImportToken({
    bluemixInstance,
    expiration: 1200,
    maxAllowedRetrievals: 1,
  });
  expect(asObject(posted.result)).toMatchObject({
    maxAllowedRetrievals: 1,
    remainingRetrievals: 1,
  });
  const material = randomBytes(32);
  const secure = await encryptForImport(material);
  expect(await rejectionOf(client.getImportToken({ bluemixInstance }))).toEqual([
    409,
    "IMPORT_TOKEN_EXPIRED_ERR",
  ]);

  const id = await createRootKey({ ...secure });
  // Two keys of the same material unwrap each other's ciphertexts, which shows that the material
  // arrived.
  const twin = await createRootKey({ payload: material.toString("base64") });
  const wrapped = await client.wrapKey({ bluemixInstance, id, keyActionWrapBody: { plaintext } });
  const unwrapped = await client.unwrapKey({
    bluemixInstance,
    id: twin,
    keyActionUnwrapBody: { ciphertext: asObject(wrapped.result)["ciphertext"] },
  });
  expect(asObject(unwrapped.result)["plaintext"]).toBe(plaintext);
});

test("a nonce that belongs to another token or another key is rejected", async () => {
  await client.postImportToken({ bluemixInstance, maxAllowedRetrievals: 5 });
  const secure = await encryptForImport(randomBytes(32));
  const other = await encryptForImport(randomBytes(32));
  expect(
    await rejectionOf(
      createRootKey({ ...secure, encryptedNonce: other.encryptedNonce, iv: other.iv }),
    ),
  ).toEqual([400, "INCORRECT_NONCE_IV_ERR"]);
  await client.postImportToken({ bluemixInstance });
  expect(await rejectionOf(createRootKey({ ...secure }))).toEqual([400, "INCORRECT_NONCE_ERR"]);
});

test("key actions on standard keys are rejected", async () => {
  const id = await createRootKey({ extractable: true });
  for (const action of [
    client.wrapKey({ bluemixInstance, id, keyActionWrapBody: { plaintext } }),
    client.rotateKey({ bluemixInstance, id, keyActionRotateBody: {} }),
    client.disableKey({ bluemixInstance, id }),
  ]) {
    expect(await rejectionOf(action)).toEqual([400, "KEY_ROOT_REQ_ERR"]);
  }
});
