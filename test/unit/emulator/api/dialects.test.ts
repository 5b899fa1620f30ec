import { constants, createPublicKey, publicEncrypt, randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startEmulator } from "../../../support/start-emulator.ts";
import type { Emulator } from "../../../../src/emulator/emulator.ts";
import { createRestClient, collectionOf, rejectionIn } from "../rest-client.ts";
import type { RestClient } from "../rest-client.ts";

let emulator: Emulator;
let client: RestClient;

beforeAll(async () => {
  emulator = await startEmulator();
  client = createRestClient(emulator);
});
beforeEach(() => emulator.reset());
afterAll(() => emulator[Symbol.asyncDispose]());

const actionPath = {
  "2019": (id: string, action: string) => `/keys/${id}?action=${action}`,
  current: (id: string, action: string) => `/keys/${id}/actions/${action}`,
} as const;

test.each(["2019", "current"] as const)(
  "the %s dialect wraps, unwraps, rewraps and rotates",
  async (dialect) => {
    const id = await client.createKey();
    const path = (action: string): string => actionPath[dialect](id, action);
    const plaintext = randomBytes(32).toString("base64");
    const aad = ["one", "two"];
    const wrapped = await client.call("POST", path("wrap"), { plaintext, aad });
    expect(wrapped.status).toBe(200);
    const ciphertext = wrapped.body.text("ciphertext");
    expect((await client.call("POST", path("rotate"))).status).toBe(204);
    const unwrapped = await client.call("POST", path("unwrap"), { ciphertext, aad });
    expect(unwrapped.body.at("plaintext")).toBe(plaintext);
    expect(unwrapped.body.at("ciphertext")).not.toBe(ciphertext);
    const rewrapped = await client.call("POST", path("rewrap"), { ciphertext, aad });
    const newer = rewrapped.body.text("ciphertext");
    const again = await client.call("POST", path("unwrap"), { ciphertext: newer, aad });
    expect([again.body.at("plaintext"), again.body.at("ciphertext")]).toEqual([
      plaintext,
      undefined,
    ]);
  },
);

test("a ciphertext of one dialect can be unwrapped in the other", async () => {
  const id = await client.createKey();
  const wrapped = await client.call("POST", actionPath["2019"](id, "wrap"), {});
  const ciphertext = wrapped.body.text("ciphertext");
  const unwrapped = await client.call("POST", actionPath.current(id, "unwrap"), { ciphertext });
  expect(unwrapped.body.at("plaintext")).toBe(wrapped.body.at("plaintext"));
});

test("an unknown or missing key action is rejected with 400", async () => {
  const id = await client.createKey();
  expect((await client.call("POST", `/keys/${id}?action=melt`)).status).toBe(400);
  expect((await client.call("POST", `/keys/${id}`)).status).toBe(400);
});

test("an unknown path gets 404 and a wrong method gets 405", async () => {
  expect((await client.call("GET", "/nothing")).status).toBe(404);
  expect((await client.call("PUT", "/keys")).status).toBe(405);
});

async function lockedMaterial(
  material: Buffer,
  locker: { readonly payload: string; readonly importToken: string },
): Promise<object> {
  const key = createPublicKey({
    key: Buffer.from(locker.payload, "base64"),
    type: "spki",
    format: "der",
  });
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const payload = publicEncrypt({ key, padding, oaepHash: "sha256" }, material).toString("base64");
  return { payload, encryptionAlgorithm: "RSAES_OAEP_SHA_256", importToken: locker.importToken };
}

async function openLocker(): Promise<{ readonly payload: string; readonly importToken: string }> {
  const created = await client.call("POST", "/lockers", { expiration: 300 });
  const { body } = await client.call("GET", `/lockers/${created.body.text("id")}`);
  return { payload: body.text("payload"), importToken: body.text("importToken") };
}

test("a locker with one retrieval can be retrieved once", async () => {
  expect((await client.call("GET", "/lockers")).status).toBe(404);
  const created = await client.call("POST", "/lockers", {});
  expect(created.status).toBe(200);
  const id = created.body.text("id");
  expect((await client.call("GET", "/lockers")).body.value).toEqual(created.body.value);
  const opened = await client.call("GET", `/lockers/${id}`);
  expect(opened.body.at("remainingRetrievals")).toBe(0);
  expect(rejectionIn(await client.call("GET", `/lockers/${id}`))).toEqual([
    409,
    "IMPORT_TOKEN_EXPIRED_ERR",
  ]);
  expect((await client.call("GET", `/lockers/${randomUUID()}`)).status).toBe(404);
});

test("key material encrypted for a locker becomes a root key", async () => {
  const material = randomBytes(16);
  const secure = await lockedMaterial(material, await openLocker());
  const id = await client.createKey({ ...secure });
  const twin = await client.createKey({ payload: material.toString("base64") });
  const wrapped = await client.call("POST", actionPath["2019"](id, "wrap"), {});
  const ciphertext = wrapped.body.text("ciphertext");
  const unwrapped = await client.call("POST", actionPath["2019"](twin, "unwrap"), { ciphertext });
  expect(unwrapped.body.at("plaintext")).toBe(wrapped.body.at("plaintext"));
});

test("the import token of a replaced locker is rejected", async () => {
  const material = randomBytes(32);
  const secure = await lockedMaterial(material, await openLocker());
  await openLocker();
  const refused = await client.call(
    "POST",
    "/keys",
    collectionOf({ name: "late", extractable: false, ...secure }),
  );
  expect(rejectionIn(refused)).toEqual([400, "INVALID_FIELD_ERR"]);
});

test("key material for an expired locker is rejected", async () => {
  const secure = await lockedMaterial(randomBytes(32), await openLocker());
  emulator.clock.advance(300_000);
  const refused = await client.call(
    "POST",
    "/keys",
    collectionOf({ name: "late", extractable: false, ...secure }),
  );
  expect(rejectionIn(refused)).toEqual([409, "IMPORT_TOKEN_EXPIRED_ERR"]);
});

test.each([
  ["expiration too short", { expiration: 299 }],
  ["expiration too long", { expiration: 86_401 }],
  ["no retrievals", { maxAllowedRetrievals: 0 }],
])("creating a locker with %s is rejected", async (_, body) => {
  expect(rejectionIn(await client.call("POST", "/lockers", body))).toEqual([
    400,
    "INVALID_FIELD_ERR",
  ]);
});

test("the profile of 2019 answers in the format of the service of 2019", async () => {
  await using old = await startEmulator({ profile: "2019" });
  const oldClient = createRestClient(old);
  const id = await oldClient.createKey();
  const list = await oldClient.call("GET", "/keys");
  expect(list.headers["content-type"]).toBe("application/vnd.ibm.collection+json");
  const wrapped = await oldClient.call("POST", actionPath["2019"](id, "wrap"), {});
  expect(Object.keys(Object(wrapped.body.value))).toEqual(["plaintext", "ciphertext"]);
  const missing = await oldClient.call("GET", `/keys/${randomUUID()}`);
  expect(missing.body.at("resources")).toEqual([
    { errorMsg: "Not Found: They key could not be found." },
  ]);
  const other = await oldClient.createKey();
  const ciphertext = wrapped.body.text("ciphertext");
  const wrong = await oldClient.call("POST", actionPath["2019"](other, "unwrap"), { ciphertext });
  expect([wrong.status, wrong.body.at("resources", 0, "reasons")]).toEqual([422, undefined]);
});

test("a profile can make the emulator answer 400 to a ciphertext of another key", async () => {
  await using lenient = await startEmulator({ profile: { wrongCiphertextStatus: 400 } });
  const lenientClient = createRestClient(lenient);
  const [id, other] = [await lenientClient.createKey(), await lenientClient.createKey()];
  const wrapped = await lenientClient.call("POST", actionPath.current(id, "wrap"), {});
  const ciphertext = wrapped.body.text("ciphertext");
  const refused = await lenientClient.call("POST", actionPath.current(other, "unwrap"), {
    ciphertext,
  });
  expect(rejectionIn(refused)).toEqual([400, "INVALID_FIELD_ERR"]);
});
