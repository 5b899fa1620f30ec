/** Decodes lockers and import tokens, with their transport keys. */
import type { OnAnomaly } from "../anomaly.ts";
import { badResponseError } from "../error.ts";
import type { LockerDialect } from "../dialects/dialect.ts";
import { optionalInt32, requiredBytes, type JsonObject } from "./json.ts";
import { optionalDate } from "./date.ts";
import type { LockerKeyResource, LockerResource } from "../resources.ts";
import { createPublicKey, type KeyObject } from "node:crypto";

/** Decodes the metadata of a locker or import token. Neither is sent in a collection. */
export function decodeLocker(answer: JsonObject, id: string, onAnomaly: OnAnomaly): LockerResource {
  return {
    id,
    creationDate: optionalDate(answer, onAnomaly, "creationDate"),
    expirationDate: optionalDate(answer, onAnomaly, "expirationDate"),
    maxAllowedRetrievals: optionalCount(answer, "maxAllowedRetrievals"),
    remainingRetrievals: optionalCount(answer, "remainingRetrievals"),
  };
}

/**
 * Decodes a retrieved locker or import token. Throws `BAD_RESPONSE` for an unusable transport key,
 * or without the dialect's import token or nonce.
 */
export function decodeLockerKey(
  answer: JsonObject,
  id: string,
  dialect: LockerDialect,
  onAnomaly: OnAnomaly,
): LockerKeyResource {
  return {
    ...decodeLocker(answer, id, onAnomaly),
    publicKey: transportKey(requiredBytes(answer, "payload")),
    ...dialect.importProof(answer),
  };
}

function optionalCount(answer: JsonObject, name: string): number | undefined {
  const count = optionalInt32(answer, name);
  if (count !== undefined && count < 0) throw badResponseError(`${name} is negative`);
  return count;
}

/**
 * Least size of a transport key, in bits. Key Protect uses 4096; below 2048 material is not safe.
 */
const fewestBits = 2048;

const pemStart = "-----BEGIN PUBLIC KEY-----";

/**
 * Converts a locker's transport key to DER SubjectPublicKeyInfo. The upstream sends DER (2019) or
 * PEM text (current); both are recognized. Throws `BAD_RESPONSE` unless it is an RSA public key of
 * at least 2048 bits.
 */
export function transportKey(payload: Buffer): Buffer {
  const key = parse(payload);
  if (key?.asymmetricKeyType !== "rsa") throw badResponseError("payload is not an RSA public key");
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < fewestBits) {
    throw badResponseError("payload is an RSA key that is too short");
  }
  return key.export({ type: "spki", format: "der" });
}

function parse(payload: Buffer): KeyObject | undefined {
  try {
    // The label is checked because `createPublicKey` also accepts certificates and private keys.
    return payload.subarray(0, pemStart.length).toString("latin1") === pemStart
      ? createPublicKey({ key: payload, format: "pem" })
      : createPublicKey({ key: payload, format: "der", type: "spki" });
  } catch {
    return undefined;
  }
}
