/** Wrapping with real cryptography: AES-GCM with the material of a key version, over additional authenticated data. */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { KeyVersion } from "../keys/record.ts";

const ivBytes = 12;
const tagBytes = 16;

/** What a wrapped key looks like inside its base64. The handle names the key version. */
interface Envelope {
  readonly ciphertext: string;
  readonly iv: string;
  readonly version: "4.0.0";
  readonly handle: string;
}

/** A wrapped key, taken apart. */
export interface WrappedKey {
  readonly sealed: Buffer;
  readonly iv: Buffer;
  readonly handle: string;
}

function algorithmFor(material: Buffer): "aes-128-gcm" | "aes-192-gcm" | "aes-256-gcm" {
  switch (material.length) {
    case 16:
      return "aes-128-gcm";
    case 24:
      return "aes-192-gcm";
    case 32:
      return "aes-256-gcm";
    default:
      throw new RangeError("root key material has 16, 24 or 32 bytes");
  }
}

/** Encodes the list of AAD strings so that no two lists share an encoding: each string is preceded by its length. */
export function encodeAad(aad: readonly string[]): Buffer {
  const parts: Buffer[] = [];
  for (const item of aad) {
    const bytes = Buffer.from(item, "utf8");
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(bytes.length);
    parts.push(length, bytes);
  }
  return Buffer.concat(parts);
}

/** Creates a source of fresh initialization vectors. Randomness is drawn in bulk: one system call serves hundreds of wraps. */
export function createIvSource(): () => Buffer {
  let pool = Buffer.alloc(0);
  let used = 0;
  return () => {
    if (used + ivBytes > pool.length) {
      pool = randomBytes(ivBytes * 341);
      used = 0;
    }
    used += ivBytes;
    return pool.subarray(used - ivBytes, used);
  };
}

/** Wraps `plaintext` under a fresh `iv` and returns the base64 text that the service calls ciphertext. */
export function wrap(
  version: KeyVersion,
  plaintext: Buffer,
  aad: readonly string[],
  iv: Buffer = randomBytes(ivBytes),
): string {
  const cipher = createCipheriv(algorithmFor(version.material), version.material, iv);
  if (aad.length > 0) cipher.setAAD(encodeAad(aad));
  const sealed = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  const envelope: Envelope = {
    ciphertext: sealed.toString("base64"),
    iv: iv.toString("base64"),
    version: "4.0.0",
    handle: version.id,
  };
  return Buffer.from(JSON.stringify(envelope)).toString("base64");
}

/** Takes a decoded ciphertext apart; `undefined` if it is none. */
export function parseWrappedKey(decoded: Buffer): WrappedKey | undefined {
  let value: unknown;
  try {
    value = JSON.parse(decoded.toString("utf8"));
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { ciphertext, iv, handle } = value as Partial<Record<keyof Envelope, unknown>>;
  if (typeof ciphertext !== "string" || typeof iv !== "string" || typeof handle !== "string") {
    return undefined;
  }
  return { sealed: Buffer.from(ciphertext, "base64"), iv: Buffer.from(iv, "base64"), handle };
}

function open(
  version: KeyVersion,
  wrapped: WrappedKey,
  aad: readonly string[],
): Buffer | undefined {
  const { sealed, iv } = wrapped;
  if (sealed.length < tagBytes || iv.length !== ivBytes) return undefined;
  const decipher = createDecipheriv(algorithmFor(version.material), version.material, iv, {
    authTagLength: tagBytes,
  });
  if (aad.length > 0) decipher.setAAD(encodeAad(aad));
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  const head = decipher.update(sealed.subarray(0, -tagBytes));
  try {
    return Buffer.concat([head, decipher.final()]);
  } catch {
    return undefined;
  }
}

/**
 * Unwraps with whichever version fits; `undefined` if none does. The version that the handle names is tried first, then
 * all others: two root keys with identical imported material unwrap each other's ciphertexts.
 */
export function unwrap(
  versions: readonly KeyVersion[],
  wrapped: WrappedKey,
  aad: readonly string[],
): { readonly plaintext: Buffer; readonly version: KeyVersion } | undefined {
  const named = versions.find(({ id }) => id === wrapped.handle);
  const candidates =
    named === undefined ? versions : [named, ...versions.filter((other) => other !== named)];
  for (const version of candidates) {
    const plaintext = open(version, wrapped, aad);
    if (plaintext !== undefined) return { plaintext, version };
  }
  return undefined;
}
