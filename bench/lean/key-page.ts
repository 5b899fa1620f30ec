/** The page of 1,000 keys that `npm run bench:list` lists, as Key Protect sends it. */
import { KeyState, KeyType, type Key } from "../../src/gen/keyprotect/v1/key.ts";
import { ListKeysRequest, ListKeysResponse } from "../../src/gen/keyprotect/v1/keys_service.ts";
import { instanceId } from "../canned.ts";

const size = 1_000;
const type = "application/vnd.ibm.kms.key+json";
const uuid = (group: number, at: number): string =>
  `5d3fe5d5-11a1-4b0c-${8_000 + group}-${String(at).padStart(12, "0")}`;
const day = (at: number): string => String(1 + (at % 28)).padStart(2, "0");

/** The resource of a root key, with the fields that the emulator gives. */
const keyAt = (at: number) => ({
  type,
  id: uuid(1, at),
  name: `orders-europe-${at}`,
  aliases: [`orders-europe-${at}-alias`],
  description: "Encrypts the data keys of one tenant of the order service.",
  tags: ["orders", "europe", `tenant:${at}`],
  state: 1,
  extractable: false,
  crn: `crn:v1:bluemix:public:kms:eu-de:a/7609edb15df145ee8a1b7a2dcd5a5b2e:${instanceId}:key:${uuid(1, at)}`,
  imported: false,
  keyRingID: "default",
  creationDate: `2024-05-${day(at)}T09:41:00Z`,
  createdBy: "iam-ServiceId-4f3c8f0c-7d33-4f0e-8b34-0d3c5e9a3a10",
  algorithmType: "AES",
  algorithmMetadata: { bitLength: "256", mode: "CBC_PAD" },
  algorithmBitSize: 256,
  algorithmMode: "CBC_PAD",
  lastUpdateDate: `2026-10-${day(at)}T10:11:12Z`,
  lastRotateDate: `2026-09-${day(at)}T01:02:03Z`,
  keyVersion: { id: uuid(2, at), creationDate: `2026-09-${day(at)}T01:02:03Z` },
  dualAuthDelete: { enabled: false },
  rotation: { enabled: true, interval_month: 3 },
  deleted: false,
});

/** One resource of the page. */
export type KeyJson = ReturnType<typeof keyAt>;

const resources: readonly KeyJson[] = Array.from({ length: size }, (_, at) => keyAt(at));

/** Path of the request for a page. */
export const keyPagePath = "/api/v2/keys";

/** The body of Key Protect's answer, 1 MB. */
export const keyPageAnswer = JSON.stringify({
  metadata: { collectionType: type, collectionTotal: size },
  resources,
});

/** Headers of the answer, in addition to the usual ones. */
export const keyPageHeaders: readonly string[] = [`Key-Total: ${size}`];

const states: readonly KeyState[] = [
  KeyState.PRE_ACTIVATION,
  KeyState.ACTIVE,
  KeyState.SUSPENDED,
  KeyState.DEACTIVATED,
];

/** The message of a resource, with the least code and without any check. */
const toMessage = (key: KeyJson): Key => ({
  id: key.id,
  name: key.name,
  description: key.description,
  type: key.extractable ? KeyType.STANDARD : KeyType.ROOT,
  state: states[key.state] ?? KeyState.DESTROYED,
  nonactiveStateReason: 0,
  tags: key.tags,
  createTime: new Date(key.creationDate),
  updateTime: new Date(key.lastUpdateDate),
  lastRotateTime: new Date(key.lastRotateDate),
  expireTime: undefined,
  deleteTime: undefined,
  imported: key.imported,
  crn: key.crn,
  createdBy: key.createdBy,
  deletedBy: "",
  algorithm: {
    type: key.algorithmType,
    bitLength: Number(key.algorithmMetadata.bitLength),
    mode: key.algorithmMetadata.mode,
  },
  dualAuthDelete: {
    enabled: key.dualAuthDelete.enabled,
    keySetForDeletion: undefined,
    authExpireTime: undefined,
  },
  purgeTime: undefined,
  keyVersion: { id: key.keyVersion.id, createTime: new Date(key.keyVersion.creationDate) },
  keyRingId: key.keyRingID,
  aliases: key.aliases,
  rotation: { enabled: key.rotation.enabled, intervalMonths: key.rotation.interval_month },
  restoreExpireTime: undefined,
  purgeAllowedTime: undefined,
  restoreAllowed: undefined,
  purgeAllowed: undefined,
});

/** The response with a page. */
export const toPageMessage = (page: readonly KeyJson[]): ListKeysResponse => ({
  keys: page.map(toMessage),
  nextPageToken: "",
  totalSize: undefined,
  incomplete: false,
});

/** The request to the gateway, encoded. */
export const keyPageRequest = ListKeysRequest.encode({
  ...ListKeysRequest.decode(new Uint8Array()),
  pageSize: size,
}).finish();

/** The expected response of the gateway, encoded. */
export const keyPageResponse = ListKeysResponse.encode(toPageMessage(resources)).finish();
