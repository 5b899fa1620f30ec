/**
 * The routes of transport keys, which the API of 2019 calls lockers and the current API calls
 * import tokens. An instance has at most one transport key; a new one replaces it.
 */
import { randomBytes, randomUUID } from "node:crypto";
import type { Answer, Call, Route } from "../api/route.ts";
import { integerField, isJsonObject } from "../api/json-fields.ts";
import type { JsonObject } from "../api/json-fields.ts";
import type { Operation } from "../api/operations.ts";
import type { Environment } from "../environment.ts";
import type { TransportKey } from "./transport-key.ts";
import { VendorError, plainRejection, rejection } from "../api/vendor-error.ts";
import { toVendorDate } from "../clock.ts";

type LockerOperation = Extract<
  Operation,
  "postImportToken" | "getImportToken" | "createLocker" | "listLockers" | "getLocker"
>;

const importTokenType = "application/vnd.ibm.kms.import_token+json";
const lockerMetadataType = "application/vnd.ibm.kms.locker_metadata+json";
const lockerType = "application/vnd.ibm.kms.locker+json";
const maxTokenRetrievals = 500;

/** Creates the routes of lockers and import tokens. */
export function createLockerRoutes({
  profile,
  transportKeys,
}: Environment): Record<LockerOperation, Route> {
  async function create(call: Call, maxRetrievalsLimit: number): Promise<TransportKey> {
    const body: JsonObject = isJsonObject(call.body) ? call.body : {};
    const lifetimeSeconds = integerField(body, "expiration", 300, 86_400) ?? 600;
    const maxRetrievals = integerField(body, "maxAllowedRetrievals", 1, maxRetrievalsLimit) ?? 1;
    const pair = await transportKeys();
    const transportKey: TransportKey = {
      ...pair,
      id: randomUUID(),
      createdAt: call.now,
      expiresAt: call.now + lifetimeSeconds * 1000,
      maxRetrievals,
      remainingRetrievals: maxRetrievals,
      nonce: randomBytes(12),
      importToken: randomBytes(48).toString("base64"),
    };
    call.instance.transportKey = transportKey;
    return transportKey;
  }

  function getLocker(call: Call): Answer {
    const locker = liveLocker(call);
    if (locker.id !== call.params["id"]) {
      throw plainRejection(404, "The transport key could not be found.");
    }
    if (locker.remainingRetrievals === 0) {
      throw profile.usedUpLockerStatus === 404
        ? plainRejection(404, "The transport key could not be found.")
        : new VendorError(409, "IMPORT_TOKEN_EXPIRED_ERR", "The import token has expired.");
    }
    locker.remainingRetrievals -= 1;
    return {
      status: 200,
      mediaType: lockerType,
      body: {
        ...lockerMetadata(locker),
        payload: locker.publicKey.export({ type: "spki", format: "der" }).toString("base64"),
        importToken: locker.importToken,
      },
    };
  }

  return {
    postImportToken: async (call) => ({
      status: 200,
      mediaType: importTokenType,
      body: datesAndCounts(await create(call, maxTokenRetrievals)),
    }),
    getImportToken,
    createLocker: async (call) => ({
      status: 200,
      mediaType: lockerMetadataType,
      body: lockerMetadata(await create(call, Number.MAX_SAFE_INTEGER)),
    }),
    listLockers: (call) => ({
      status: 200,
      mediaType: lockerMetadataType,
      body: lockerMetadata(liveLocker(call)),
    }),
    getLocker,
  };
}

function liveLocker(call: Call): TransportKey {
  const locker = call.instance.transportKey;
  if (locker === undefined || locker.expiresAt <= call.now) {
    throw plainRejection(404, "The transport key could not be found.");
  }
  return locker;
}

function getImportToken(call: Call): Answer {
  const { transportKey } = call.instance;
  if (transportKey === undefined) {
    throw plainRejection(404, "The import token could not be found.");
  }
  if (transportKey.expiresAt <= call.now || transportKey.remainingRetrievals === 0) {
    throw rejection("IMPORT_TOKEN_EXPIRED_ERR");
  }
  transportKey.remainingRetrievals -= 1;
  const pem = transportKey.publicKey.export({ type: "spki", format: "pem" });
  return {
    status: 200,
    mediaType: importTokenType,
    body: {
      ...datesAndCounts(transportKey),
      payload: Buffer.from(pem).toString("base64"),
      nonce: transportKey.nonce.toString("base64"),
    },
  };
}

function datesAndCounts(transportKey: TransportKey): object {
  return {
    creationDate: toVendorDate(transportKey.createdAt),
    expirationDate: toVendorDate(transportKey.expiresAt),
    maxAllowedRetrievals: transportKey.maxRetrievals,
    remainingRetrievals: transportKey.remainingRetrievals,
  };
}

function lockerMetadata(locker: TransportKey): object {
  return { id: locker.id, ...datesAndCounts(locker) };
}
