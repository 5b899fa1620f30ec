/**
 * The caller's part of a secure import: key material encrypted for a retrieved locker, in Key
 * Protect's format.
 */
import {
  constants,
  createCipheriv,
  createPublicKey,
  publicEncrypt,
  randomBytes,
  type CipherGCMTypes,
} from "node:crypto";
import {
  ImportEncryptionAlgorithm,
  type EncryptedKeyMaterial,
} from "../../src/gen/keyprotect/v1/key.ts";
import type { RetrieveLockerResponse } from "../../src/gen/keyprotect/v1/lockers_service.ts";

const cipherOf: Readonly<Record<number, CipherGCMTypes>> = {
  16: "aes-128-gcm",
  24: "aes-192-gcm",
  32: "aes-256-gcm",
};

/** Encrypts the material for the locker, and with the material the locker's nonce if it has one. */
export function encryptForLocker(
  locker: Pick<RetrieveLockerResponse, "publicKey" | "importToken" | "nonce">,
  material: Buffer,
): EncryptedKeyMaterial {
  const ciphertext = publicEncrypt(
    {
      key: createPublicKey({ key: locker.publicKey, format: "der", type: "spki" }),
      padding: constants.RSA_PKCS1_OAEP_PADDING,
      oaepHash: "sha256",
    },
    material,
  );
  const algorithm = ImportEncryptionAlgorithm.RSAES_OAEP_SHA_256;
  const none = Buffer.alloc(0);
  if (locker.nonce.length === 0) {
    const { importToken } = locker;
    return { ciphertext, algorithm, importToken, encryptedNonce: none, initializationVector: none };
  }
  const cipherName = cipherOf[material.length];
  if (cipherName === undefined) throw new Error(`no AES key has ${material.length} bytes`);
  const initializationVector = randomBytes(12);
  const cipher = createCipheriv(cipherName, material, initializationVector);
  const encryptedNonce = Buffer.concat([
    cipher.update(locker.nonce),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  return { ciphertext, algorithm, importToken: none, encryptedNonce, initializationVector };
}
