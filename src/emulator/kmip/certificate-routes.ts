/** The routes of client certificates of KMIP adapters, and the check of a new certificate. */
import { X509Certificate, randomUUID } from "node:crypto";
import type { Operation } from "../api/operations.ts";
import { collection, noContent, pagination } from "../api/route.ts";
import type { Answer, Call, Route } from "../api/route.ts";
import { decodeBase64, rejectUnknownFields, stringField } from "../api/json-fields.ts";
import type { JsonObject } from "../api/json-fields.ts";
import { invalidField, plainRejection, rejection } from "../api/vendor-error.ts";
import { toVendorDate } from "../clock.ts";
import type { Instance } from "../instance.ts";
import { onlyResource, readNewName } from "./new-resource.ts";
import { findAdapter, findNamed, noteChange } from "./records.ts";
import type { KmipAdapterRecord, KmipCertificateRecord } from "./records.ts";

type KmipCertificateOperation = Extract<
  Operation,
  | "getKmipClientCertificates"
  | "addKmipClientCertificate"
  | "getKmipClientCertificate"
  | "deleteKmipClientCertificate"
>;

const certificateType = "application/vnd.ibm.kms.kmip_client_certificate+json";
const maxCertificates = 200;

/**
 * Creates the routes of client certificates. `instances` are those of the whole region, in which a
 * certificate may belong to one adapter only.
 */
export function createKmipCertificateRoutes(
  instances: ReadonlyMap<string, Instance>,
): Record<KmipCertificateOperation, Route> {
  return {
    getKmipClientCertificates: ({ instance, params, query }) => {
      const pageOf = pagination(query, 100, 200);
      const adapter = findAdapter(instance, params["adapter"] ?? "");
      const { items, metadata } = pageOf([...adapter.certificates.values()]);
      return certificatesAnswer(200, items.map(partOf), metadata);
    },
    addKmipClientCertificate: (call) =>
      certificatesAnswer(201, [wholeOf(addCertificate(call, instances))]),
    getKmipClientCertificate: (call) =>
      certificatesAnswer(200, [wholeOf(locate(call).certificate)]),
    deleteKmipClientCertificate: (call) => {
      const { adapter, certificate } = locate(call);
      adapter.certificates.delete(certificate.id);
      noteChange(adapter, call);
      return noContent;
    },
  };
}

function locate({ instance, params }: Call): {
  readonly adapter: KmipAdapterRecord;
  readonly certificate: KmipCertificateRecord;
} {
  const adapter = findAdapter(instance, params["adapter"] ?? "");
  const certificate = findNamed(adapter.certificates, params["certificate"] ?? "");
  if (certificate === undefined) throw rejection("KMIP_CERT_NOT_FOUND_ERR");
  return { adapter, certificate };
}

const partOf = ({ id, name, createdAt, createdBy }: KmipCertificateRecord): object => ({
  id,
  name,
  created_at: toVendorDate(createdAt),
  created_by: createdBy,
});

const wholeOf = (certificate: KmipCertificateRecord): object => ({
  ...partOf(certificate),
  certificate: certificate.pem,
});

function certificatesAnswer(
  status: number,
  resources: readonly object[],
  metadata: Readonly<Record<string, unknown>> = {},
): Answer {
  const body = collection(certificateType, resources, metadata);
  return { status, mediaType: certificateType, body };
}

function addCertificate(
  call: Call,
  instances: ReadonlyMap<string, Instance>,
): KmipCertificateRecord {
  const { instance, params, user, now } = call;
  const adapter = findAdapter(instance, params["adapter"] ?? "");
  const fields = onlyResource(call.body, "KMIP client certificate");
  rejectUnknownFields(fields, ["name", "certificate"]);
  const { pem, fingerprint } = readCertificate(fields);
  const name = readNewName(
    fields,
    adapter.certificates,
    "kmip_cert",
    "KMIP_CERT_DUPLICATE_NAME_ERR",
  );
  if (hasCertificate(adapter, fingerprint)) throw rejection("KMIP_CERT_DUPLICATE_ERR");
  const adapters = [...instances.values()].flatMap((each) => [...each.kmipAdapters.values()]);
  if (adapters.some((each) => hasCertificate(each, fingerprint))) {
    throw rejection("KMIP_CERT_REUSE_ERR");
  }
  if (adapter.certificates.size >= maxCertificates) {
    throw plainRejection(409, `A KMIP adapter has at most ${maxCertificates} certificates.`);
  }
  const certificate = {
    id: randomUUID(),
    name,
    pem,
    fingerprint,
    createdAt: now,
    createdBy: user.subject,
  };
  adapter.certificates.set(certificate.id, certificate);
  noteChange(adapter, call);
  return certificate;
}

const hasCertificate = ({ certificates }: KmipAdapterRecord, fingerprint: string): boolean =>
  [...certificates.values()].some((certificate) => certificate.fingerprint === fingerprint);

const onePem = /^\s*-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----\s*$/;
const rule = "one X.509 certificate in PEM format, with its BEGIN and END tags";

/**
 * Reads the certificate of a body: exactly one PEM block that contains exactly one X.509
 * certificate. The service does not document that it looks at the validity period, so the emulator
 * does not.
 */
function readCertificate(fields: JsonObject): {
  readonly pem: string;
  readonly fingerprint: string;
} {
  const pem = stringField(fields, "certificate") ?? "";
  const [, base64] = onePem.exec(pem) ?? [];
  if (base64 === undefined) throw invalidField("certificate", rule);
  const der = decodeBase64("certificate", base64, rule);
  const certificate = parse(der);
  if (certificate?.raw.equals(der) !== true) throw invalidField("certificate", rule);
  return { pem, fingerprint: certificate.fingerprint256 };
}

function parse(der: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}
