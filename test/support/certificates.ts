/**
 * Certificates for tests. Node can check X.509 certificates but not issue them, and the tests need
 * no program except Node and npm. This file implements the part of DER (X.690) and RFC 5280 that a
 * small certificate authority needs, for EC P-256 only.
 */
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { isIPv4, isIPv6 } from "node:net";

/** The contents of a requested certificate. */
export interface CertificateRequest {
  /** Common name of the subject. Default: the first name in the certificate, else `leaf`. */
  readonly commonName?: string;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  /** URI SANs, such as a SPIFFE ID. */
  readonly uris?: readonly string[];
  /** Default: one hour ago. */
  readonly notBefore?: Date;
  /** Default: in one day. */
  readonly notAfter?: Date;
  /** Extended key usages. Default: both. */
  readonly usages?: readonly ("server" | "client")[];
}

/** A certificate and its private key, both PEM. */
export interface IssuedCertificate {
  readonly cert: string;
  /** PKCS #8. */
  readonly key: string;
}

/** A self-signed root that issues certificates. */
export interface CertificateAuthority extends IssuedCertificate {
  /** Issues a leaf certificate with a new key pair, signed by this authority. */
  issue(request?: CertificateRequest): IssuedCertificate;
}

const der = (tag: number, ...contents: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(contents);
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const length =
    content.length < 0x100 ? [content.length] : [content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length, ...length]), content]);
};
const sequence = (...items: readonly Uint8Array[]): Buffer => der(0x30, ...items);
const octets = (content: Uint8Array): Buffer => der(0x04, content);
const bits = (content: Uint8Array, unused = 0): Buffer => der(0x03, Buffer.from([unused]), content);
const boolean = (value: boolean): Buffer => der(0x01, Buffer.from([value ? 0xff : 0]));

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(0x06, Buffer.from(bytes));
}

/** RFC 5280 section 4.1.2.5: UTCTime up to 2049, GeneralizedTime from 2050 on. */
function time(date: Date): Buffer {
  const digits = `${date.toISOString().replaceAll(/[-:T]/g, "").slice(0, 14)}Z`;
  return date.getUTCFullYear() < 2050
    ? der(0x17, Buffer.from(digits.slice(2)))
    : der(0x18, Buffer.from(digits));
}

const groups = (text: string): string[] => (text === "" ? [] : text.split(":"));

function ipBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split(".").map(Number));
  if (!isIPv6(address)) throw new Error(`not an IP address: ${address}`);
  const [head = "", tail] = address.split("::");
  const left = groups(head);
  const right = groups(tail ?? "");
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  return Buffer.from(
    [...left, ...zeros, ...right].map((group) => group.padStart(4, "0")).join(""),
    "hex",
  );
}

const ecdsaWithSha256 = sequence(oid("1.2.840.10045.4.3.2"));
const commonNameOf = (text: string): Buffer =>
  sequence(der(0x31, sequence(oid("2.5.4.3"), der(0x0c, Buffer.from(text)))));
const extension = (id: string, isCritical: boolean, value: Buffer): Buffer =>
  sequence(oid(id), ...(isCritical ? [boolean(true)] : []), octets(value));
const pem = (label: string, content: Buffer): string =>
  `-----BEGIN ${label}-----\n${content.toString("base64").replaceAll(/.{64}(?=.)/g, "$&\n")}\n-----END ${label}-----\n`;

const spkiOf = (publicKey: KeyObject): Buffer => publicKey.export({ type: "spki", format: "der" });
const pkcs8Of = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();
/**
 * A key identifier must only be unique per key. RFC 5280 section 4.2.1.2 leaves the method open.
 */
const keyId = (spki: Buffer): Buffer => createHash("sha256").update(spki).digest().subarray(0, 20);

interface ToBeSigned {
  readonly issuer: string;
  readonly issuerSpki: Buffer;
  readonly signingKey: KeyObject;
  readonly subject: string;
  readonly subjectSpki: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: readonly Buffer[];
}

function certify(wanted: ToBeSigned): string {
  const serial = randomBytes(16);
  // DER requires a positive integer without a leading zero byte.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const tbs = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ecdsaWithSha256,
    commonNameOf(wanted.issuer),
    sequence(time(wanted.notBefore), time(wanted.notAfter)),
    commonNameOf(wanted.subject),
    wanted.subjectSpki,
    der(
      0xa3,
      sequence(
        ...wanted.extensions,
        extension("2.5.29.14", false, octets(keyId(wanted.subjectSpki))),
        extension("2.5.29.35", false, sequence(der(0x80, keyId(wanted.issuerSpki)))),
      ),
    ),
  );
  const signature = sign("sha256", tbs, wanted.signingKey);
  return pem("CERTIFICATE", sequence(tbs, ecdsaWithSha256, bits(signature)));
}

const dayMs = 86_400_000;
const usageOids = { server: "1.3.6.1.5.5.7.3.1", client: "1.3.6.1.5.5.7.3.2" } as const;

function leafExtensions(request: CertificateRequest): Buffer[] {
  const names = [
    ...(request.dnsNames ?? []).map((name) => der(0x82, Buffer.from(name))),
    ...(request.uris ?? []).map((uri) => der(0x86, Buffer.from(uri))),
    ...(request.ipAddresses ?? []).map((address) => der(0x87, ipBytes(address))),
  ];
  const usages = (request.usages ?? ["server", "client"]).map((usage) => oid(usageOids[usage]));
  return [
    extension("2.5.29.19", true, sequence()),
    // digitalSignature
    extension("2.5.29.15", true, bits(Buffer.from([0x80]), 7)),
    extension("2.5.29.37", false, sequence(...usages)),
    ...(names.length > 0 ? [extension("2.5.29.17", false, sequence(...names))] : []),
  ];
}

/**
 * Creates a certificate authority that is valid from a week ago for ten years. No system trusts it.
 */
export function createCertificateAuthority(commonName = "test authority"): CertificateAuthority {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = spkiOf(publicKey);
  const now = Date.now();

  return {
    cert: certify({
      issuer: commonName,
      issuerSpki: spki,
      signingKey: privateKey,
      subject: commonName,
      subjectSpki: spki,
      notBefore: new Date(now - 7 * dayMs),
      notAfter: new Date(now + 3_650 * dayMs),
      extensions: [
        extension("2.5.29.19", true, sequence(boolean(true))),
        // keyCertSign, cRLSign
        extension("2.5.29.15", true, bits(Buffer.from([0x06]), 1)),
      ],
    }),
    key: pkcs8Of(privateKey),
    issue(request = {}) {
      const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const [firstName = "leaf"] = [
        ...(request.dnsNames ?? []),
        ...(request.ipAddresses ?? []),
        ...(request.uris ?? []),
      ];
      return {
        cert: certify({
          issuer: commonName,
          issuerSpki: spki,
          signingKey: privateKey,
          subject: request.commonName ?? firstName,
          subjectSpki: spkiOf(pair.publicKey),
          notBefore: request.notBefore ?? new Date(Date.now() - 3_600_000),
          notAfter: request.notAfter ?? new Date(Date.now() + dayMs),
          extensions: leafExtensions(request),
        }),
        key: pkcs8Of(pair.privateKey),
      };
    },
  };
}
