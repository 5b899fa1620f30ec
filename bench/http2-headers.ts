/** HPACK (RFC 7541) for a client that always sends the same headers. */

/** Encodes a text of less than 127 bytes without Huffman coding (section 5.2). */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  if (bytes.length > 126) throw new RangeError("longer than its length can say in one byte");
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

/** Two encodings of the same headers. */
export interface HeaderBlocks {
  /** For the first request of a connection: literals with indexing (section 6.2.1). */
  readonly first: Buffer;
  /** For later requests: indexed headers (section 6.1), which client libraries send too. */
  readonly later: Buffer;
}

/** The dynamic table follows the 61 entries of the static table. Its newest entry comes first. */
const newestIndex = 62;

/** Encodes headers. They must fit into the default dynamic table of 4,096 bytes. */
export function headerBlocks(headers: readonly (readonly [string, string])[]): HeaderBlocks {
  return {
    first: Buffer.concat(
      headers.flatMap(([name, value]) => [Buffer.of(0x40), text(name), text(value)]),
    ),
    later: Buffer.from(headers.map((_, n) => 0x80 | (newestIndex + headers.length - 1 - n))),
  };
}
