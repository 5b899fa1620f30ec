/** The requests and responses of KMIP, in the forms that IBM's Go client and Python SDK have. */
import { call, keyId, otherKeyId } from "../fake-upstream.ts";
import type { RequestRow } from "./request-row.ts";

const adapterId = "feddecaf-0000-4000-8000-1234567890ab";
const objectId = "deddecaf-0000-4000-8000-1234567890ab";
const certificateId = "ceddecaf-0000-4000-8000-1234567890ab";
const list = 8_388_608;
const dialects = ["current"] as const;
const pem = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n";

const typeOf = (kind: string): string => `application/vnd.ibm.kms.${kind}+json`;
const adapterType = typeOf("kmip_adapter");
const objectType = typeOf("kmip_object");
const certificateType = typeOf("kmip_client_certificate");

const envelope = (type: string, resources: readonly object[], totalCount?: number) => ({
  metadata: {
    collectionType: type,
    collectionTotal: resources.length,
    ...(totalCount !== undefined && { totalCount }),
  },
  resources,
});

const adapter = {
  id: adapterId,
  profile: "native_1.0",
  profile_data: { crk_id: keyId },
  name: "vmware",
  description: "the cluster in Dallas",
  created_at: "2026-01-02T03:04:05.000Z",
  created_by: "IBMid-1",
  updated_at: "2026-01-03T03:04:05.000Z",
  updated_by: "IBMid-2",
};
const decodedAdapter = {
  id: adapterId,
  name: "vmware",
  description: "the cluster in Dallas",
  profile: "native_1.0",
  rootKeyId: keyId,
  createdAt: new Date("2026-01-02T03:04:05Z"),
  createdBy: "IBMid-1",
  updatedAt: new Date("2026-01-03T03:04:05Z"),
  updatedBy: "IBMid-2",
};

const object = {
  id: objectId,
  kmip_object_type: 2,
  state: 5,
  created_at: "2026-01-02T03:04:05.000Z",
  created_by_kmip_client_cert_id: certificateId,
  created_by: "IBMid-1",
  updated_at: "2026-01-03T03:04:05.000Z",
  updated_by_kmip_client_cert_id: certificateId,
  updated_by: "IBMid-1",
  destroyed_at: "2026-01-04T03:04:05.000Z",
  destroyed_by_kmip_client_cert_id: otherKeyId,
  destroyed_by: "IBMid-2",
  recoverable: true,
};
const decodedObject = {
  id: objectId,
  objectType: 2,
  state: 5,
  createdAt: new Date("2026-01-02T03:04:05Z"),
  createdByCertificateId: certificateId,
  createdBy: "IBMid-1",
  updatedAt: new Date("2026-01-03T03:04:05Z"),
  updatedByCertificateId: certificateId,
  updatedBy: "IBMid-1",
  destroyedAt: new Date("2026-01-04T03:04:05Z"),
  destroyedByCertificateId: otherKeyId,
  destroyedBy: "IBMid-2",
  recoverable: true,
};

const certificate = {
  id: certificateId,
  name: "esx-1",
  created_at: "2026-01-02T03:04:05.000Z",
  created_by: "IBMid-1",
};
const decodedCertificate = {
  id: certificateId,
  name: "esx-1",
  certificate: undefined,
  createdAt: new Date("2026-01-02T03:04:05Z"),
  createdBy: "IBMid-1",
};

/** A row per form of each operation. */
export const kmipRows: readonly RequestRow[] = [
  {
    states: "listKmipAdapters gives the adapters",
    dialects,
    ask: (client) => client.listKmipAdapters(call, { limit: 3, offset: 6 }),
    request: "GET /api/v2/kmip_adapters?limit=3&offset=6&totalCount=true",
    accept: adapterType,
    maxResponseBytes: list,
    answer: { status: 200, body: envelope(adapterType, [adapter], 7) },
    gives: { items: [decodedAdapter], isLast: true },
  },
  {
    states: "listKmipAdapters asks for those of one root key, and never for more than 200",
    dialects,
    ask: (client) => client.listKmipAdapters(call, { limit: 1_002, offset: 0, rootKeyId: keyId }),
    request: `GET /api/v2/kmip_adapters?limit=200&offset=0&totalCount=true&crk_id=${keyId}`,
    accept: adapterType,
    maxResponseBytes: list,
    answer: { status: 200, body: envelope(adapterType, [], 3) },
    gives: { items: [], isLast: false },
  },
  {
    states: "createKmipAdapter leaves out what is not given",
    dialects,
    ask: (client) =>
      client.createKmipAdapter(call, {
        name: undefined,
        description: undefined,
        profile: "native_1.0",
        rootKeyId: keyId,
        allowExpiringKey: false,
      }),
    request: "POST /api/v2/kmip_adapters",
    accept: adapterType,
    contentType: adapterType,
    body: envelope(adapterType, [{ profile: "native_1.0", profile_data: { crk_id: keyId } }]),
    answer: { status: 201, body: envelope(adapterType, [adapter]) },
    gives: decodedAdapter,
  },
  {
    states: "createKmipAdapter sends name and description, and allows a key that expires",
    dialects,
    ask: (client) =>
      client.createKmipAdapter(call, {
        name: "vmware",
        description: "the cluster in Dallas",
        profile: "native_1.0",
        rootKeyId: "root-alias",
        allowExpiringKey: true,
      }),
    request: "POST /api/v2/kmip_adapters?allowExpiringKey=true",
    accept: adapterType,
    contentType: adapterType,
    body: envelope(adapterType, [
      {
        name: "vmware",
        description: "the cluster in Dallas",
        profile: "native_1.0",
        profile_data: { crk_id: "root-alias" },
      },
    ]),
    answer: { status: 201, body: envelope(adapterType, [{ id: adapterId }]) },
    gives: {
      id: adapterId,
      name: undefined,
      description: undefined,
      profile: undefined,
      rootKeyId: undefined,
      createdAt: undefined,
      createdBy: undefined,
      updatedAt: undefined,
      updatedBy: undefined,
    },
  },
  {
    states: "getKmipAdapter asks by name",
    dialects,
    ask: (client) => client.getKmipAdapter(call, "VMware"),
    request: "GET /api/v2/kmip_adapters/VMware",
    accept: adapterType,
    answer: { status: 200, body: envelope(adapterType, [adapter]) },
    gives: decodedAdapter,
  },
  {
    states: "deleteKmipAdapter needs no body",
    dialects,
    ask: (client) => client.deleteKmipAdapter(call, adapterId),
    request: `DELETE /api/v2/kmip_adapters/${adapterId}`,
    accept: adapterType,
    answer: { status: 204 },
    gives: undefined,
  },
  {
    states: "listKmipObjects gives the objects that Key Protect chooses",
    dialects,
    ask: (client) => client.listKmipObjects(call, "vmware", { limit: 1_002, offset: 0 }),
    request: "GET /api/v2/kmip_adapters/vmware/kmip_objects?limit=1002&offset=0&totalCount=true",
    accept: objectType,
    maxResponseBytes: list,
    answer: { status: 200, body: envelope(objectType, [object]) },
    gives: { items: [decodedObject], isLast: undefined },
  },
  {
    states: "listKmipObjects asks for states",
    dialects,
    ask: (client) =>
      client.listKmipObjects(call, "vmware", { limit: 2, offset: 4, states: [1, 6] }),
    request:
      "GET /api/v2/kmip_adapters/vmware/kmip_objects?limit=2&offset=4&totalCount=true&state=1%2C6",
    accept: objectType,
    maxResponseBytes: list,
    answer: { status: 200, body: envelope(objectType, [], 4) },
    gives: { items: [], isLast: true },
  },
  {
    states: "getKmipObject gives an object without optional fields",
    dialects,
    ask: (client) => client.getKmipObject(call, "vmware", objectId.toUpperCase()),
    request: `GET /api/v2/kmip_adapters/vmware/kmip_objects/${objectId.toUpperCase()}`,
    accept: objectType,
    answer: { status: 200, body: envelope(objectType, [{ id: objectId }]) },
    gives: {
      id: objectId,
      objectType: undefined,
      state: undefined,
      createdAt: undefined,
      createdByCertificateId: undefined,
      createdBy: undefined,
      updatedAt: undefined,
      updatedByCertificateId: undefined,
      updatedBy: undefined,
      destroyedAt: undefined,
      destroyedByCertificateId: undefined,
      destroyedBy: undefined,
      recoverable: undefined,
    },
  },
  {
    states: "deleteKmipObject does not force by itself",
    dialects,
    ask: (client) => client.deleteKmipObject(call, "vmware", objectId, false),
    request: `DELETE /api/v2/kmip_adapters/vmware/kmip_objects/${objectId}`,
    accept: objectType,
    answer: { status: 204 },
    gives: undefined,
  },
  {
    states: "deleteKmipObject can be forced",
    dialects,
    ask: (client) => client.deleteKmipObject(call, "vmware", objectId, true),
    request: `DELETE /api/v2/kmip_adapters/vmware/kmip_objects/${objectId}?force=true`,
    accept: objectType,
    answer: { status: 204 },
    gives: undefined,
  },
  {
    states: "listKmipCertificates gives certificates without PEM, and never asks for more than 200",
    dialects,
    ask: (client) => client.listKmipCertificates(call, "vmware", { limit: 202, offset: 0 }),
    request: "GET /api/v2/kmip_adapters/vmware/certificates?limit=200&offset=0&totalCount=true",
    accept: certificateType,
    maxResponseBytes: list,
    answer: { status: 200, body: envelope(certificateType, [certificate], 1) },
    gives: { items: [decodedCertificate], isLast: true },
  },
  {
    states: "addKmipCertificate sends the PEM text as it is",
    dialects,
    ask: (client) => client.addKmipCertificate(call, "vmware", { name: "esx-1", certificate: pem }),
    request: "POST /api/v2/kmip_adapters/vmware/certificates",
    accept: certificateType,
    contentType: certificateType,
    body: envelope(certificateType, [{ name: "esx-1", certificate: pem }]),
    answer: {
      status: 201,
      body: envelope(certificateType, [{ ...certificate, certificate: pem }]),
    },
    gives: { ...decodedCertificate, certificate: pem },
  },
  {
    states: "addKmipCertificate leaves out a name that is not given, and needs no PEM in return",
    dialects,
    ask: (client) =>
      client.addKmipCertificate(call, "vmware", { name: undefined, certificate: pem }),
    request: "POST /api/v2/kmip_adapters/vmware/certificates",
    accept: certificateType,
    contentType: certificateType,
    body: envelope(certificateType, [{ certificate: pem }]),
    answer: { status: 201, body: envelope(certificateType, [certificate]) },
    gives: decodedCertificate,
  },
  {
    states: "getKmipCertificate gives the PEM text",
    dialects,
    ask: (client) => client.getKmipCertificate(call, adapterId, "esx-1"),
    request: `GET /api/v2/kmip_adapters/${adapterId}/certificates/esx-1`,
    accept: certificateType,
    answer: {
      status: 200,
      body: envelope(certificateType, [{ ...certificate, certificate: pem }]),
    },
    gives: { ...decodedCertificate, certificate: pem },
  },
  {
    states: "deleteKmipCertificate needs no body",
    dialects,
    ask: (client) => client.deleteKmipCertificate(call, adapterId, certificateId),
    request: `DELETE /api/v2/kmip_adapters/${adapterId}/certificates/${certificateId}`,
    accept: certificateType,
    answer: { status: 204 },
    gives: undefined,
  },
];
