/**
 * Page tokens: positions in a list, in an opaque form. A token grants nothing that the list itself
 * would not, so it is not signed. Its checksum detects accidental damage.
 *
 * Layout, base64url: version (1 byte) · offset (4, big endian) · scope (8) · last ID (1 to 64,
 * UTF-8) · checksum (4).
 */
import { hash } from "node:crypto";
import { pageTokenInvalid } from "../errors/request-failures.ts";

/** A position in a list. */
export interface ListPosition {
  /** Number of items before the position when the token was made. */
  readonly offset: number;
  /** The item directly before the position, in the form of `anchorOf`. */
  readonly anchor: string;
}

const version = 1;
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
  const token = Buffer.alloc(anchorAt + anchor.length + checksumBytes);
  token.writeUInt8(version, 0);
  token.writeUInt32BE(position.offset, 1);
  scopeOf(list).copy(token, scopeAt);
  anchor.copy(token, anchorAt);
  const end = anchorAt + anchor.length;
  digest(token.subarray(0, end), checksumBytes).copy(token, end);
  return token.toString("base64url");
}

const minTokenBytes = anchorAt + 1 + checksumBytes;
const maxTokenBytes = anchorAt + maxAnchorBytes + checksumBytes;

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
  if (!isIntact || token.readUInt8(0) !== version || !isOfList) throw pageTokenInvalid();
  return { offset: token.readUInt32BE(1), anchor: token.toString("utf8", anchorAt, end) };
}
