import { createHash } from "node:crypto";

/**
 * The ID that the gateway gives an import token: the API has none for it, and an instance has one token at a time, so
 * that instance and moment of creation tell it from its predecessors. The same token has the same ID in every replica
 * and after a restart. Layout of a version 8 UUID (RFC 9562, 5.8) over the SHA-256 of both.
 */
export function importTokenId(instanceId: string, creationDate: string): string {
  const bytes = createHash("sha256").update(`${instanceId}\n${creationDate}`).digest();
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes
    .toString("hex", 0, 16)
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
