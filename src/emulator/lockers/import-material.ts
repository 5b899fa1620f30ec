/** Reads imported key material, plain or encrypted with the instance's transport key. */
import { constants, createDecipheriv, privateDecrypt } from "node:crypto";
import { decodeBase64, stringField } from "../api/json-fields.ts";
import type { JsonObject } from "../api/json-fields.ts";
import type { Instance } from "../instance.ts";
import type { TransportKey } from "./transport-key.ts";
import { invalidField, rejection } from "../api/vendor-error.ts";

const maxStandardBytes = 7500;
const materialRule = "a base64 encoded key material";

/** Key material from a request. */
export interface ImportedMaterial {
  readonly material: Buffer;
  readonly isEncrypted: boolean;
}

/**
 * Reads the material fields of a key or of a rotation. Returns `undefined` if the request contains
 * no material. Rejects encrypted material with IMPORT_TOKEN_EXPIRED_ERR if the instance has no
 * transport key or its transport key has expired.
 */
export function readMaterial(
  fields: JsonObject,
  isRootKey: boolean,
  instance: Instance,
  now: number,
): ImportedMaterial | undefined {
  const payload = stringField(fields, "payload");
  const encryptedNonce = stringField(fields, "encryptedNonce");
  const iv = stringField(fields, "iv");
  const importToken = stringField(fields, "importToken");
  const algorithm = stringField(fields, "encryptionAlgorithm");
  const isEncrypted =
    encryptedNonce !== undefined ||
    iv !== undefined ||
    importToken !== undefined ||
    algorithm !== undefined;
  if (payload === undefined || payload === "") {
    if (isEncrypted) throw invalidField("payload", "provided with encrypted key material");
    return undefined;
  }

  const bytes = decodeBase64("payload", payload, materialRule);
  if (!isEncrypted) {
    if (isRootKey) checkRootLength(bytes);
    else if (bytes.length === 0 || bytes.length > maxStandardBytes) {
      throw invalidField("payload", `${materialRule} of 1 to ${maxStandardBytes} bytes`);
    }
    return { material: bytes, isEncrypted };
  }

  if (!isRootKey) throw rejection("KEY_ROOT_REQ_ERR");
  const transportKey = liveTransportKey(instance, now);
  const material = openWithTransportKey(transportKey, bytes, algorithm);
  checkRootLength(material);
  if (importToken !== undefined) {
    if (importToken !== transportKey.importToken) {
      throw invalidField("importToken", "the import token of the current locker");
    }
  } else {
    if (encryptedNonce === undefined)
      throw invalidField("encryptedNonce", "provided with an encrypted payload");
    if (iv === undefined) throw invalidField("iv", "provided with an encrypted payload");
    checkNonce(transportKey.nonce, material, encryptedNonce, iv);
  }
  return { material, isEncrypted };
}

function liveTransportKey({ transportKey }: Instance, now: number): TransportKey {
  if (transportKey === undefined || transportKey.expiresAt <= now) {
    throw rejection("IMPORT_TOKEN_EXPIRED_ERR");
  }
  return transportKey;
}

function checkRootLength(material: Buffer): void {
  if (![16, 24, 32].includes(material.length)) {
    throw invalidField("payload", `${materialRule} of 128, 192 or 256 bits`);
  }
}

function openWithTransportKey(
  { privateKey }: TransportKey,
  sealed: Buffer,
  algorithm: string | undefined,
): Buffer {
  if (algorithm !== undefined && !["RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1"].includes(algorithm)) {
    throw invalidField("encryptionAlgorithm", "RSAES_OAEP_SHA_256 or RSAES_OAEP_SHA_1");
  }
  const oaepHash = algorithm === "RSAES_OAEP_SHA_1" ? "sha1" : "sha256";
  try {
    return privateDecrypt(
      { key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash },
      sealed,
    );
  } catch {
    throw invalidField("payload", "key material encrypted with the public key of the import token");
  }
}

function checkNonce(nonce: Buffer, material: Buffer, encryptedNonce: string, ivText: string): void {
  const sealed = decodeBase64("encryptedNonce", encryptedNonce, "a base64 encoded nonce");
  const iv = decodeIv(ivText);
  const opened = iv.length === 16 ? openCbc(material, iv, sealed) : openGcm(material, iv, sealed);
  if (opened === undefined) throw rejection("INCORRECT_NONCE_IV_ERR");
  if (!opened.equals(nonce)) throw rejection("INCORRECT_NONCE_ERR");
}

// The Go client sends an IV that its caller chose as 12 raw characters instead of base64.
function decodeIv(text: string): Buffer {
  const raw = Buffer.from(text, "latin1");
  if (raw.length === 12) return raw;
  return decodeBase64("iv", text, "a base64 encoded initialization vector");
}

function openGcm(material: Buffer, iv: Buffer, sealed: Buffer): Buffer | undefined {
  if (iv.length !== 12 || sealed.length <= 16) return undefined;
  const bits = material.length * 8;
  const name = bits === 128 ? "aes-128-gcm" : bits === 192 ? "aes-192-gcm" : "aes-256-gcm";
  const decipher = createDecipheriv(name, material, iv, { authTagLength: 16 });
  decipher.setAuthTag(sealed.subarray(-16));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
  } catch {
    return undefined;
  }
}

function openCbc(material: Buffer, iv: Buffer, sealed: Buffer): Buffer | undefined {
  try {
    const decipher = createDecipheriv(`aes-${material.length * 8}-cbc`, material, iv);
    return Buffer.concat([decipher.update(sealed), decipher.final()]);
  } catch {
    return undefined;
  }
}
