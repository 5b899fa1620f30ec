import type { Hash, Hmac } from "node:crypto";

/** Feeds parts to a digest, each behind its length: what is split differently must not look the same. */
export function absorb(digest: Hash | Hmac, parts: readonly (string | Uint8Array)[]): void {
  for (const part of parts) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(typeof part === "string" ? Buffer.byteLength(part) : part.length);
    digest.update(length).update(part);
  }
}
