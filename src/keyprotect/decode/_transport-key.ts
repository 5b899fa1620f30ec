import { createPublicKey, type KeyObject } from "node:crypto";
import { badResponse } from "../_bad-response.ts";

/** Real transport keys have 4096 bits; below this, key material is not safe under one. */
const fewestBits = 2048;

const pemStart = "-----BEGIN PUBLIC KEY-----";

/**
 * A locker's transport key as DER SubjectPublicKeyInfo. The upstream sends DER (2019) or PEM text (current), whichever
 * came is recognized. Throws `BAD_RESPONSE` unless it is an RSA public key of at least 2048 bits.
 */
export function transportKey(payload: Buffer): Buffer {
  const key = parse(payload);
  if (key?.asymmetricKeyType !== "rsa") throw badResponse("payload is not an RSA public key");
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < fewestBits) {
    throw badResponse("payload is an RSA key that is too short");
  }
  return key.export({ type: "spki", format: "der" });
}

function parse(payload: Buffer): KeyObject | undefined {
  try {
    // The label is checked because `createPublicKey` also takes certificates and derives a public key from a private one.
    return payload.subarray(0, pemStart.length).toString("latin1") === pemStart
      ? createPublicKey({ key: payload, format: "pem" })
      : createPublicKey({ key: payload, format: "der", type: "spki" });
  } catch {
    return undefined;
  }
}
