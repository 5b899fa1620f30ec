import { createKeyProtectClient, type KeyProtectClient } from "../../../src/keyprotect/client.ts";
import type { Anomaly } from "../../../src/keyprotect/anomaly.ts";
import { KeyProtectError } from "../../../src/keyprotect/error.ts";
import type { ApiCall } from "../../../src/keyprotect/call-api.ts";
import type { Send, UpstreamResponse } from "../../../src/upstream/layer.ts";
import type { ApiDialect } from "../../../src/platform/api-dialect.ts";

export const instanceId = "aa11aa11-0000-4000-8000-00000000aa11";
export const keyId = "11111111-2222-4333-8444-555555555555";
export const otherKeyId = "99999999-2222-4333-8444-555555555555";
export const lockerId = "77777777-2222-4333-8444-555555555555";
export const correlationId = "cccccccc-2222-4333-8444-555555555555";
export const wallStart = Date.UTC(2026, 0, 2, 3, 4, 5);

/** A call, as operations get it. */
export const call: ApiCall = {
  keyRing: undefined,
  rpc: { method: "Any", retry: "safe", priority: "interactive", attemptTimeoutMs: 3_000 },
  correlationId,
  caller: "anonymous",
  deadline: 10_000,
  signal: new AbortController().signal,
  callerToken: undefined,
  attemptLog: { attempts: 0, httpStatus: undefined },
};

/** The same call, limited to the ring `default`. */
export const callInRing: ApiCall = { ...call, keyRing: "default" };

/** A request as it was sent, with the body copied before the client zeroes it. */
export interface SentRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly maxResponseBytes: number;
}

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A response with `body` as JSON, or as it is if it is a text or a buffer. */
export function toResponse({ status, body, headers = {} }: Answer): UpstreamResponse {
  if (Buffer.isBuffer(body)) return { status, headers, body };
  const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
  return { status, headers, body: Buffer.from(text) };
}

/** A client of an upstream that returns the scripted responses in order. */
export function createScriptedClient(dialect: ApiDialect, ...answers: readonly Answer[]) {
  const sent: SentRequest[] = [];
  const requestBodies: Buffer[] = [];
  const responses: UpstreamResponse[] = [];
  const anomalies: Anomaly[] = [];
  const send: Send = async (request) => {
    const { method, path, headers, maxResponseBytes, body } = request;
    if (request.call !== call && request.call !== callInRing) {
      throw new Error("the call was not passed on");
    }
    if (body !== undefined) requestBodies.push(body);
    const answer = answers[sent.length];
    sent.push({ method, path, headers, maxResponseBytes, body: body?.toString("utf8") });
    if (answer === undefined) throw new Error("more requests than answers");
    const response = toResponse(answer);
    responses.push(response);
    return response;
  };
  const client = createKeyProtectClient({
    send,
    dialect,
    instanceId,
    onAnomaly: (anomaly) => anomalies.push(anomaly),
    wallNow: () => wallStart,
  });
  return { client, sent, requestBodies, responses, anomalies };
}

/** The `KeyProtectError` that a promise rejects with; throws if it does not. */
export async function keyProtectErrorOf(promise: Promise<unknown>): Promise<KeyProtectError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof KeyProtectError) return error;
    throw error;
  }
  throw new Error("resolved where a KeyProtectError was expected");
}

/** The envelope of a response with keys. */
export const keys = (...resources: readonly unknown[]) => ({
  metadata: {
    collectionType: "application/vnd.ibm.kms.key+json",
    collectionTotal: resources.length,
  },
  resources,
});

/** The envelope of a response with policies. */
export const policies = (...resources: readonly unknown[]) => ({
  metadata: {
    collectionType: "application/vnd.ibm.kms.policy+json",
    collectionTotal: resources.length,
  },
  resources,
});

/** A root key as the current service describes one. */
export const rootKey = {
  type: "application/vnd.ibm.kms.key+json",
  id: keyId,
  name: "demo",
  aliases: ["demo-alias"],
  description: "a key for tests",
  tags: ["blue", "green"],
  state: 1,
  extractable: false,
  crn: `crn:v1:bluemix:public:kms:us-south:a/acct:${instanceId}:key:${keyId}`,
  imported: false,
  keyRingID: "default",
  creationDate: "2026-01-02T03:04:05Z",
  createdBy: "IBMid-1",
  algorithmType: "Deprecated",
  algorithmMetadata: { bitLength: "256", mode: "Deprecated" },
  algorithmBitSize: 256,
  algorithmMode: "Deprecated",
  keyVersion: { id: otherKeyId, creationDate: "2026-01-02T03:04:05Z" },
  dualAuthDelete: { enabled: false },
  deleted: false,
};

/** `rootKey` as the client returns it. */
export const decodedRootKey = {
  id: keyId,
  name: "demo",
  description: "a key for tests",
  tags: ["blue", "green"],
  state: 1,
  nonactiveStateReason: undefined,
  extractable: false,
  imported: false,
  crn: rootKey.crn,
  createdBy: "IBMid-1",
  deletedBy: undefined,
  creationDate: new Date("2026-01-02T03:04:05Z"),
  lastUpdateDate: undefined,
  lastRotateDate: undefined,
  expirationDate: undefined,
  deletionDate: undefined,
  algorithm: { type: "Deprecated", bitLength: 256, mode: "Deprecated" },
  dualAuthDelete: { enabled: false, keySetForDeletion: undefined, authExpiration: undefined },
  rotation: undefined,
  keyVersion: { id: otherKeyId, creationDate: new Date("2026-01-02T03:04:05Z") },
  keyRingId: "default",
  aliases: ["demo-alias"],
  purgeScheduledOn: undefined,
  restoreExpirationDate: undefined,
  purgeAllowedFrom: undefined,
  restoreAllowed: undefined,
  purgeAllowed: undefined,
  payload: undefined,
};

/** Every operation whose path contains an ID. */
export const operationsById: readonly {
  readonly name: string;
  readonly ask: (client: KeyProtectClient, id: string) => Promise<unknown>;
}[] = [
  { name: "getKey", ask: (client, id) => client.getKey(call, id) },
  { name: "getKeyMaterial", ask: (client, id) => client.getKeyMaterial(call, id) },
  {
    name: "deleteKey",
    ask: (client, id) => client.deleteKey(call, id, { prefer: "minimal", force: false }),
  },
  { name: "wrapKey", ask: (client, id) => client.wrapKey(call, id, { aad: [] }) },
  {
    name: "unwrapKey",
    ask: (client, id) => client.unwrapKey(call, id, { ciphertext: Buffer.from("x"), aad: [] }),
  },
  {
    name: "rewrapKey",
    ask: (client, id) => client.rewrapKey(call, id, { ciphertext: Buffer.from("x"), aad: [] }),
  },
  { name: "moveKey", ask: (client, id) => client.moveKey(call, id, "orders") },
  { name: "changeKey", ask: (client, id) => client.changeKey(call, id, "enable") },
  { name: "restoreKey", ask: (client, id) => client.restoreKey(call, id, "minimal") },
  { name: "purgeKey", ask: (client, id) => client.purgeKey(call, id) },
  {
    name: "listKeyVersions",
    ask: (client, id) => client.listKeyVersions(call, id, { limit: 2, offset: 0 }),
  },
  { name: "rotateKey", ask: (client, id) => client.rotateKey(call, id, undefined) },
  { name: "getKeyPolicies", ask: (client, id) => client.getKeyPolicies(call, id) },
  {
    name: "replaceKeyPolicies",
    ask: (client, id) =>
      client.replaceKeyPolicies(call, id, [{ kind: "rotation", intervalMonths: 1 }]),
  },
  { name: "retrieveLocker", ask: (client, id) => client.retrieveLocker(call, id) },
];

/** Operations of KMIP whose path contains an ID or a name. They are not part of the 2019 API. */
export const kmipOperationsById: typeof operationsById = [
  { name: "getKmipAdapter", ask: (client, id) => client.getKmipAdapter(call, id) },
  { name: "deleteKmipAdapter", ask: (client, id) => client.deleteKmipAdapter(call, id) },
  {
    name: "listKmipObjects",
    ask: (client, id) => client.listKmipObjects(call, id, { limit: 2, offset: 0 }),
  },
  { name: "getKmipObject", ask: (client, id) => client.getKmipObject(call, "vmware", id) },
  {
    name: "deleteKmipObject",
    ask: (client, id) => client.deleteKmipObject(call, "vmware", id, false),
  },
  {
    name: "listKmipCertificates",
    ask: (client, id) => client.listKmipCertificates(call, id, { limit: 2, offset: 0 }),
  },
  {
    name: "addKmipCertificate",
    ask: (client, id) => client.addKmipCertificate(call, id, { name: undefined, certificate: "" }),
  },
  {
    name: "getKmipCertificate",
    ask: (client, id) => client.getKmipCertificate(call, "vmware", id),
  },
  {
    name: "deleteKmipCertificate",
    ask: (client, id) => client.deleteKmipCertificate(call, "vmware", id),
  },
];
