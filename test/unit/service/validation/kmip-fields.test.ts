import { X509Certificate } from "node:crypto";
import { expect, test } from "vitest";
import { certificatePem, newKmipName } from "../../../../src/service/validation/kmip-fields.ts";
import { createCertificateAuthority } from "../../../support/certificates.ts";

const authority = createCertificateAuthority();
const { cert, key } = authority.issue();
const der = new X509Certificate(cert).raw;
const block = (type: string, bytes: Buffer): string =>
  `-----BEGIN ${type}-----\n${bytes.toString("base64")}\n-----END ${type}-----\n`;
const reasonsOf = (pem: string): readonly string[] =>
  (certificatePem(pem) ?? []).map(({ reason }) => reason);

test.each([
  ["as it was issued", cert],
  ["of an authority", authority.cert],
  ["with base64 in one line", block("CERTIFICATE", der)],
  ["with Windows line ends", cert.replaceAll("\n", "\r\n")],
  ["between blanks", `\n  ${cert}\n\n`],
  ["that has expired", authority.issue({ notAfter: new Date(0) }).cert],
])("a certificate %s is accepted", (_, pem) => {
  expect(certificatePem(pem)).toBeUndefined();
});

const flipped = Buffer.from(der);
flipped.writeUInt8(0x31, 0);

test.each([
  ["nothing", "", "REQUIRED"],
  ["a private key", key, "PRIVATE_KEY_FORBIDDEN"],
  ["a certificate and its private key", `${cert}${key}`, "PRIVATE_KEY_FORBIDDEN"],
  ["an encrypted private key", block("ENCRYPTED PRIVATE KEY", der), "PRIVATE_KEY_FORBIDDEN"],
  ["an RSA private key", block("RSA PRIVATE KEY", der), "PRIVATE_KEY_FORBIDDEN"],
  ["a very long private key", `${key}${"x".repeat(20_000)}`, "PRIVATE_KEY_FORBIDDEN"],
  ["16,385 characters", cert.padEnd(16_385), "TOO_LONG"],
  ["two certificates", `${cert}${authority.cert}`, "FORMAT_INVALID"],
  ["text before the block", `subject: me\n${cert}`, "FORMAT_INVALID"],
  ["a public key", block("PUBLIC KEY", der), "FORMAT_INVALID"],
  ["a certificate request", block("CERTIFICATE REQUEST", der), "FORMAT_INVALID"],
  ["DER in base64 without tags", der.toString("base64"), "FORMAT_INVALID"],
  ["a file name", "@./cert.pem", "FORMAT_INVALID"],
  [
    "base64 that is none",
    block("CERTIFICATE", der).replace(/=*\n-/, "=A\n-"),
    "CERTIFICATE_INVALID",
  ],
  ["another structure", block("CERTIFICATE", flipped), "CERTIFICATE_INVALID"],
  ["a certificate cut short", block("CERTIFICATE", der.subarray(0, -1)), "CERTIFICATE_INVALID"],
  [
    "a certificate with something behind it",
    block("CERTIFICATE", Buffer.concat([der, Buffer.alloc(3)])),
    "CERTIFICATE_INVALID",
  ],
  [
    "two certificates in one block",
    block("CERTIFICATE", Buffer.concat([der, der])),
    "CERTIFICATE_INVALID",
  ],
])("as a certificate, %s is rejected", (_, pem, reason) => {
  expect(reasonsOf(pem)).toEqual([reason]);
});

test("a text of the largest size is checked in no time, whatever is in it", () => {
  const before = performance.now();
  for (const filling of [" ", "\n", "A", "=", "-"]) {
    expect(reasonsOf(`${filling.repeat(16_000)}x`)).not.toEqual([]);
    expect(reasonsOf(`-----BEGIN CERTIFICATE-----${filling.repeat(16_000)}`)).not.toEqual([]);
  }
  expect(performance.now() - before).toBeLessThan(2_000);
});

test.each([
  ["", []],
  ["ab", []],
  ["esx_1-A", []],
  ["-_", []],
  ["x".repeat(40), []],
  ["a", ["FORMAT_INVALID"]],
  ["x".repeat(41), ["FORMAT_INVALID"]],
  ["a b", ["FORMAT_INVALID"]],
  ["a.b", ["FORMAT_INVALID"]],
  ["a/b", ["FORMAT_INVALID"]],
  ["ä1", ["FORMAT_INVALID"]],
  ["ab\n", ["FORMAT_INVALID"]],
  ["FEDDECAF-0000-4000-8000-1234567890AB", ["FORMAT_INVALID"]],
])("the new name %j has the faults %j", (name, faults) => {
  expect((newKmipName(name) ?? []).map(({ reason }) => reason)).toEqual(faults);
});
