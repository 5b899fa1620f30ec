import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Emulator } from "../../../../src/emulator/emulator.ts";
import { startEmulator } from "../../../support/start-emulator.ts";
import { createCertificateAuthority } from "../../../support/certificates.ts";
import { createRestClient, rejectionIn } from "../rest-client.ts";
import type { RestClient } from "../rest-client.ts";
import { fieldsIn, newAdapter, newPem, postCertificate } from "./kmip-client.ts";

const otherInstance = "e0a1b2c3-0000-4000-8000-000000000002";
let emulator: Emulator;
let client: RestClient;
let adapter: string;

beforeAll(async () => {
  emulator = await startEmulator({
    instanceIds: ["e0a1b2c3-0000-4000-8000-000000000001", otherInstance],
  });
  client = createRestClient(emulator);
});
beforeEach(async () => {
  emulator.reset();
  adapter = await newAdapter(client, { name: "vcenter" });
});
afterAll(() => emulator[Symbol.asyncDispose]());

test("an added certificate is read by its ID and its name, and listed without its PEM", async () => {
  const certificate = newPem();
  const added = await postCertificate(client, "vcenter", { name: "host-1", certificate });
  expect([added.status, added.headers["content-type"]]).toEqual([
    201,
    "application/vnd.ibm.kms.kmip_client_certificate+json",
  ]);
  const id = added.body.text("resources", 0, "id");
  const whole = {
    id,
    name: "host-1",
    certificate,
    created_at: added.body.text("resources", 0, "created_at"),
    created_by: emulator.users[0]?.subject,
  };
  expect(added.body.at("resources")).toEqual([whole]);
  for (const name of [id, "host-1"]) {
    const shown = await client.call("GET", `/kmip_adapters/${adapter}/certificates/${name}`);
    expect([shown.status, shown.body.at("resources")]).toEqual([200, [whole]]);
  }
  const list = await client.call("GET", `/kmip_adapters/${adapter}/certificates`);
  const { certificate: _, ...part } = whole;
  expect([list.body.at("resources"), list.text.includes("BEGIN")]).toEqual([[part], false]);
});

test("a certificate without a name gets one that begins with kmip_cert_", async () => {
  const added = await postCertificate(client, adapter, { certificate: newPem() });
  expect(added.body.text("resources", 0, "name")).toMatch(/^kmip_cert_\w+$/);
});

const pem = newPem();
const der = Buffer.from(pem.replace(/-----.*-----/g, ""), "base64");
const pemOf = (content: Uint8Array): string =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(content).toString("base64")}\n-----END CERTIFICATE-----\n`;

test.each<[string, unknown, string]>([
  ["no certificate", undefined, "INVALID_FIELD_ERR"],
  ["a certificate that is no string", 5, "BAD_BODY_ERR"],
  ["text that is no PEM", "invalidPEM", "INVALID_FIELD_ERR"],
  ["PEM without an END tag", pem.replace(/-----END.*/, ""), "INVALID_FIELD_ERR"],
  ["two certificates", `${pem}${newPem()}`, "INVALID_FIELD_ERR"],
  ["a private key", createCertificateAuthority().key, "INVALID_FIELD_ERR"],
  ["text around the PEM", `Subject: x\n${pem}`, "INVALID_FIELD_ERR"],
  ["PEM that is not base64", pem.replace("MII", "M*I"), "INVALID_FIELD_ERR"],
  ["PEM of random bytes", pemOf(Buffer.from("no certificate at all")), "INVALID_FIELD_ERR"],
  ["PEM of half a certificate", pemOf(der.subarray(0, 100)), "INVALID_FIELD_ERR"],
  ["bytes after the certificate", pemOf(Buffer.concat([der, der])), "INVALID_FIELD_ERR"],
])("adding %s as a certificate is rejected with 400", async (_, certificate, code) => {
  const refused = await postCertificate(client, adapter, { certificate });
  expect(rejectionIn(refused)).toEqual([400, code]);
  const list = await client.call("GET", `/kmip_adapters/${adapter}/certificates`);
  expect(fieldsIn(list, "id")).toEqual([]);
});

test("a certificate in one line of base64 and with spaces around it is accepted", async () => {
  const added = await postCertificate(client, adapter, { certificate: ` \n${pemOf(der)} ` });
  expect(added.status).toBe(201);
});

test("a certificate with an unknown field or a malformed name is rejected", async () => {
  const certificate = newPem();
  const unknown = await postCertificate(client, adapter, { certificate, description: "x" });
  expect(rejectionIn(unknown)).toEqual([400, "BAD_BODY_ERR"]);
  const malformed = await postCertificate(client, adapter, { certificate, name: "host 1" });
  expect(rejectionIn(malformed)).toEqual([400, "INVALID_FIELD_ERR"]);
});

test("a name is taken only within its KMIP adapter", async () => {
  await postCertificate(client, adapter, { name: "host", certificate: newPem() });
  const refused = await postCertificate(client, adapter, { name: "host", certificate: newPem() });
  expect(rejectionIn(refused)).toEqual([409, "KMIP_CERT_DUPLICATE_NAME_ERR"]);
  const other = await newAdapter(client);
  expect(
    (await postCertificate(client, other, { name: "host", certificate: newPem() })).status,
  ).toBe(201);
});

test("a certificate belongs to one KMIP adapter of all instances", async () => {
  await postCertificate(client, adapter, { certificate: pem });
  const rewritten = { certificate: pemOf(der) };
  expect(rejectionIn(await postCertificate(client, adapter, rewritten))).toEqual([
    409,
    "KMIP_CERT_DUPLICATE_ERR",
  ]);
  const elsewhere = createRestClient(emulator, { instanceId: otherInstance });
  for (const caller of [client, elsewhere]) {
    const refused = await postCertificate(caller, await newAdapter(caller), rewritten);
    expect(rejectionIn(refused)).toEqual([409, "KMIP_CERT_REUSE_ERR"]);
  }
});

test("a deleted certificate is gone and may be added to another KMIP adapter", async () => {
  await postCertificate(client, adapter, { name: "host", certificate: pem });
  const path = `/kmip_adapters/vcenter/certificates/host`;
  expect((await client.call("DELETE", path)).status).toBe(204);
  for (const method of ["GET", "DELETE"]) {
    expect(rejectionIn(await client.call(method, path))).toEqual([404, "KMIP_CERT_NOT_FOUND_ERR"]);
  }
  expect(
    (await postCertificate(client, await newAdapter(client), { certificate: pem })).status,
  ).toBe(201);
});

test("adding and deleting a certificate is the latest change of its KMIP adapter", async () => {
  const bob = createRestClient(emulator, { userIndex: 1 });
  const dates: unknown[] = [];
  const change = async (act: () => Promise<unknown>): Promise<void> => {
    emulator.clock.advance(2000);
    await act();
    const { body } = await client.call("GET", "/kmip_adapters/vcenter");
    expect(body.at("resources", 0, "updated_by")).toBe(emulator.users[1]?.subject);
    dates.push(body.at("resources", 0, "updated_at"));
  };
  await change(() => postCertificate(bob, adapter, { name: "host", certificate: newPem() }));
  await change(() => bob.call("DELETE", "/kmip_adapters/vcenter/certificates/host"));
  expect(new Set(dates).size).toBe(2);
});

test("certificates are listed in pages of at most 200", async () => {
  for (const name of ["aa", "bb", "cc"]) {
    await postCertificate(client, adapter, { name, certificate: newPem() });
  }
  const path = `/kmip_adapters/${adapter}/certificates`;
  const page = await client.call("GET", `${path}?limit=1&offset=1&totalCount=true`);
  expect(fieldsIn(page, "name")).toEqual(["bb"]);
  expect(page.body.at("metadata")).toMatchObject({ collectionTotal: 1, totalCount: 3 });
  expect(rejectionIn(await client.call("GET", `${path}?limit=201`))).toEqual([
    400,
    "INVALID_QUERY_PARAM_ERR",
  ]);
});

test("a KMIP adapter holds at most 200 certificates", { timeout: 30_000 }, async () => {
  for (let count = 0; count < 200; count += 1) {
    expect((await postCertificate(client, adapter, { certificate: newPem() })).status).toBe(201);
  }
  expect((await postCertificate(client, adapter, { certificate: newPem() })).status).toBe(409);
});
