import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import type { KmipCertificateResource } from "../../../../src/keyprotect/decode/kmip.ts";
import { KeyProtectError } from "../../../../src/keyprotect/error.ts";
import { createKmipCertificatesHandlers } from "../../../../src/service/kmip-certificates/handlers.ts";
import { callContext } from "../../../support/call-context.ts";
import { createCertificateAuthority } from "../../../support/certificates.ts";
import { failure, fakeKeyProtect, rejected, violationsOf } from "../fake-key-protect.ts";

const { cert: pem, key: privateKey } = createCertificateAuthority().issue();
const id = "ceddecaf-0000-4000-8000-1234567890ab";
const resource: KmipCertificateResource = {
  id,
  name: "esx-1",
  certificate: pem,
  createdAt: new Date("2026-01-02T03:04:05Z"),
  createdBy: undefined,
};
const message = {
  id,
  name: "esx-1",
  certificatePem: pem,
  createTime: new Date("2026-01-02T03:04:05Z"),
  createdBy: "",
};

test("AddCertificate sends the text unchanged, and no name if there is none", async () => {
  const fake = fakeKeyProtect({ addKmipCertificate: async () => resource });
  const { addCertificate } = createKmipCertificatesHandlers(fake.deps);
  const context = callContext("AddCertificate");
  const request = { adapter: "vmware", name: "esx-1", certificatePem: pem };
  expect(await addCertificate(request, context)).toEqual({ certificate: message });
  await addCertificate({ ...request, name: "" }, context);
  expect(fake.calls).toEqual([
    ["addKmipCertificate", "vmware", { name: "esx-1", certificate: pem }],
    ["addKmipCertificate", "vmware", { name: undefined, certificate: pem }],
  ]);
});

test("AddCertificate rejects a private key before anything is sent, and does not quote it", async () => {
  const fake = fakeKeyProtect({});
  const { addCertificate } = createKmipCertificatesHandlers(fake.deps);
  const request = { adapter: "vmware", name: "", certificatePem: `${pem}${privateKey}` };
  const error = await failure(addCertificate(request, callContext("AddCertificate")));
  const [secret = ""] = /[A-Za-z0-9+/]{40}/.exec(privateKey) ?? [];
  expect(secret).not.toBe("");
  expect(error.details.violations?.map(({ field, reason }) => [field, reason])).toEqual([
    ["certificate_pem", "PRIVATE_KEY_FORBIDDEN"],
  ]);
  expect(JSON.stringify([error.message, error.details])).not.toContain(secret);
  expect(fake.calls).toEqual([]);
});

test("AddCertificate reports all violations at once", async () => {
  const { addCertificate } = createKmipCertificatesHandlers(fakeKeyProtect({}).deps);
  const call = addCertificate(
    { adapter: "", name: id, certificatePem: "a certificate" },
    callContext("AddCertificate"),
  );
  expect(await violationsOf(call)).toEqual([
    "adapter REQUIRED",
    "name FORMAT_INVALID",
    "certificate_pem FORMAT_INVALID",
  ]);
});

const conflict = (code: string): KeyProtectError =>
  new KeyProtectError("REJECTED", "", { httpStatus: 409, reasons: [{ code, target: undefined }] });

test.each([
  ["KMIP_CERT_DUPLICATE_NAME_ERR", /this name/],
  ["KMIP_CERT_DUPLICATE_ERR", /this certificate already/],
  ["KMIP_CERT_REUSE_ERR", /another KMIP adapter/],
  ["NEVER_SEEN_ERR", /name is in use/],
])("AddCertificate says what exists already after %s", async (code, text) => {
  const { deps } = fakeKeyProtect({ addKmipCertificate: () => Promise.reject(conflict(code)) });
  const call = createKmipCertificatesHandlers(deps).addCertificate(
    { adapter: "vmware", name: "esx-1", certificatePem: pem },
    callContext("AddCertificate"),
  );
  const error = await failure(call);
  expect([error.code, error.reason]).toEqual([status.ALREADY_EXISTS, "RESOURCE_EXISTS"]);
  expect(error.message).toMatch(text);
  expect(error.details.resource?.type).toBe("keyprotect.kmip.v1.KmipCertificate");
});

const missing = (): Promise<never> => Promise.reject(rejected(404));

test("a 404 is about the adapter when a certificate is added or listed, and about the certificate otherwise", async () => {
  const { deps } = fakeKeyProtect({
    listKmipCertificates: missing,
    addKmipCertificate: missing,
    getKmipCertificate: missing,
    deleteKmipCertificate: missing,
  });
  const handlers = createKmipCertificatesHandlers(deps);
  const adapter = "vmware";
  const certificate = "esx-1";
  const calls = [
    handlers.listCertificates(
      { adapter, pageSize: 0, pageToken: "" },
      callContext("ListCertificates"),
    ),
    handlers.addCertificate(
      { adapter, name: certificate, certificatePem: pem },
      callContext("AddCertificate"),
    ),
    handlers.getCertificate({ adapter, certificate }, callContext("GetCertificate")),
    handlers.deleteCertificate(
      { adapter, certificate, allowMissing: false },
      callContext("DeleteCertificate"),
    ),
  ];
  const errors = await Promise.all(calls.map(failure));
  expect(errors.map(({ reason, details }) => [reason, details.resource?.name])).toEqual([
    ["KMIP_ADAPTER_NOT_FOUND", adapter],
    ["KMIP_ADAPTER_NOT_FOUND", adapter],
    ["KMIP_CERTIFICATE_NOT_FOUND", certificate],
    ["KMIP_CERTIFICATE_NOT_FOUND", certificate],
  ]);
});

test("GetCertificate returns the PEM text, and lists are without one", async () => {
  const fake = fakeKeyProtect({
    getKmipCertificate: async () => resource,
    listKmipCertificates: async () => ({
      items: [{ ...resource, certificate: undefined }],
      isLast: true,
    }),
  });
  const handlers = createKmipCertificatesHandlers(fake.deps);
  const get = { adapter: "vmware", certificate: "esx-1" };
  expect(await handlers.getCertificate(get, callContext("GetCertificate"))).toEqual({
    certificate: message,
  });
  const list = { adapter: "vmware", pageSize: 0, pageToken: "" };
  expect(await handlers.listCertificates(list, callContext("ListCertificates"))).toEqual({
    certificates: [{ ...message, certificatePem: "" }],
    nextPageToken: "",
  });
  expect(fake.calls).toEqual([
    ["getKmipCertificate", "vmware", "esx-1"],
    ["listKmipCertificates", "vmware", { limit: 201, offset: 0 }],
  ]);
});

test("DeleteCertificate takes a missing certificate for a success only if asked to, or after a lost answer", async () => {
  const { deps } = fakeKeyProtect({ deleteKmipCertificate: () => Promise.reject(rejected(404)) });
  const { deleteCertificate } = createKmipCertificatesHandlers(deps);
  const request = { adapter: "vmware", certificate: "esx-1", allowMissing: false };
  const refused = deleteCertificate(request, callContext("DeleteCertificate"));
  expect((await failure(refused)).reason).toBe("KMIP_CERTIFICATE_NOT_FOUND");
  const allowed = { ...request, allowMissing: true };
  expect(await deleteCertificate(allowed, callContext("DeleteCertificate"))).toEqual({});
  const repeated = callContext("DeleteCertificate", {
    attemptLog: { attempts: 2, httpStatus: undefined, mayHaveBeenExecuted: true },
  });
  expect(await deleteCertificate(request, repeated)).toEqual({});
});
