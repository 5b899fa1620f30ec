/**
 * Page tokens: positions in a list, in an opaque form. A token grants nothing that the list itself
 * would not, so it is not signed. Its checksum detects accidental damage.
 *
 * Layout, base64url: version (1 byte) · offset (4, big endian) · scope (8) · last ID (1 to 64,
 * UTF-8) · checksum (4). Version 2 has the length of the last ID (1) before it and the ID of the
 * item that follows (1 to 64) behind it.
 */
import { hash } from "node:crypto";
import { pageTokenInvalid } from "../errors/request-failures.ts";

/** A position in a list. */
export interface ListPosition {
  /** Number of items before the position when the token was made. */
  readonly offset: number;
  /** The item directly before the position, in the form of `anchorOf`. */
  readonly anchor: string;
  /** The item directly behind the position, in the form of `anchorOf`, if it is known. */
  readonly successor?: string | undefined;
}

const withoutSuccessor = 1;
const withSuccessor = 2;
const scopeAt = 5;
const anchorAt = scopeAt + 8;
const maxAnchorBytes = 64;
const checksumBytes = 4;

const digest = (value: string | Uint8Array, length: number): Buffer =>
  hash("sha256", value, "buffer").subarray(0, length);

/** Each part follows its length, so that different lists have different scopes. */
const scopeOf = (list: readonly string[]): Buffer =>
  digest(list.map((part) => `${part.length}:${part}`).join(""), anchorAt - scopeAt);

const isUtf8Continuation = (byte: number | undefined): boolean =>
  byte !== undefined && (byte & 0xc0) === 0x80;

/** The part of an item's ID that a token holds: up to 64 bytes of UTF-8. Real IDs are shorter. */
export function anchorOf(id: string): string {
  if (id.length * 3 <= maxAnchorBytes) return id;
  const encoded = Buffer.from(id, "utf8");
  if (encoded.length <= maxAnchorBytes) return id;
  let end = maxAnchorBytes;
  while (isUtf8Continuation(encoded[end])) end -= 1;
  return encoded.toString("utf8", 0, end);
}

/**
 * Makes the token of a position. `list` identifies the list: the instance, the kind of its items
 * and every filter. The token is valid for no other list.
 */
export function toPageToken(position: ListPosition, list: readonly string[]): string {
  const anchor = Buffer.from(position.anchor, "utf8");
  const { successor } = position;
  const head = Buffer.alloc(anchorAt);
  head.writeUInt8(successor === undefined ? withoutSuccessor : withSuccessor, 0);
  head.writeUInt32BE(position.offset, 1);
  scopeOf(list).copy(head, scopeAt);
  const ids =
    successor === undefined
      ? [anchor]
      : [Buffer.from([anchor.length]), anchor, Buffer.from(successor, "utf8")];
  const content = Buffer.concat([head, ...ids]);
  return Buffer.concat([content, digest(content, checksumBytes)]).toString("base64url");
}

const minTokenBytes = anchorAt + 1 + checksumBytes;
const maxTokenBytes = anchorAt + 1 + 2 * maxAnchorBytes + checksumBytes;

/** The IDs in a token, from `bytes` behind its scope; `undefined` if the layout is not valid. */
function readIds(version: number, bytes: Buffer): Omit<ListPosition, "offset"> | undefined {
  if (version === withoutSuccessor) {
    return bytes.length > maxAnchorBytes ? undefined : { anchor: bytes.toString("utf8") };
  }
  if (version !== withSuccessor) return undefined;
  const end = 1 + (bytes[0] ?? 0);
  if (end < 2 || end > 1 + maxAnchorBytes || bytes.length <= end) return undefined;
  return { anchor: bytes.toString("utf8", 1, end), successor: bytes.toString("utf8", end) };
}

/**
 * Reads a token. Throws `INVALID_ARGUMENT` / `PAGE_TOKEN_INVALID` unless `toPageToken` made it for
 * the same list.
 */
export function fromPageToken(text: string, list: readonly string[]): ListPosition {
  if (text.length > Math.ceil((maxTokenBytes * 4) / 3)) throw pageTokenInvalid();
  const token = Buffer.from(text, "base64url");
  // Decoding is lenient. Only the spelling that encoding produces is a token.
  if (token.length < minTokenBytes || token.toString("base64url") !== text)
    throw pageTokenInvalid();
  const end = token.length - checksumBytes;
  const isIntact = digest(token.subarray(0, end), checksumBytes).equals(token.subarray(end));
  const isOfList = scopeOf(list).equals(token.subarray(scopeAt, anchorAt));
  const ids = readIds(token.readUInt8(0), token.subarray(anchorAt, end));
  if (!isIntact || !isOfList || ids === undefined) throw pageTokenInvalid();
  return { offset: token.readUInt32BE(1), ...ids };
}
