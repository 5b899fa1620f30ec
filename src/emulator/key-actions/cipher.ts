/** Wraps and unwraps with AES-GCM under a key version, with additional authenticated data (AAD). */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { KeyVersion } from "../keys/record.ts";

const ivBytes = 12;
const tagBytes = 16;

/** The JSON inside the base64 of a wrapped key. The handle is the ID of the key version. */
interface Envelope {
  readonly ciphertext: string;
  readonly iv: string;
  readonly version: "4.0.0";
  readonly handle: string;
}

/** A decoded wrapped key. */
export interface WrappedKey {
  /** Ciphertext, followed by the tag of 16 bytes. */
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

/** Encodes a list of AAD strings. A length before each string makes the encoding unambiguous. */
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

/**
 * Creates a source of random initialization vectors. One call of the system generator gives 341 of
 * them.
 */
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

/**
 * Wraps `plaintext` and returns the base64 text that the service calls ciphertext. Default `iv`:
 * random.
 */
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

/** Parses a ciphertext after its base64 is decoded. Returns `undefined` if it is no wrapped key. */
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
 * Unwraps with the first version that works; returns `undefined` if none does. Tries the version
 * that the handle names, then all others: two root keys with the same imported material can unwrap
 * each other's ciphertexts.
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
