/** HPACK (RFC 7541) as far as a client needs it that always sends the same headers. */
/** A text without Huffman coding (section 5.2). Shorter than 127 bytes. */
function text(value) {
  const bytes = Buffer.from(value, "latin1");
  if (bytes.length > 126) throw new RangeError("longer than its length can say in one byte");
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}
/** The dynamic table starts behind the 61 entries of the static one, the newest entry first. */
const newestIndex = 62;
/** Encodes headers. They have to fit the table of 4,096 bytes that every server grants. */
export function headerBlocks(headers) {
  return {
    first: Buffer.concat(
      headers.flatMap(([name, value]) => [Buffer.of(0x40), text(name), text(value)]),
    ),
    later: Buffer.from(headers.map((_, n) => 0x80 | (newestIndex + headers.length - 1 - n))),
  };
}
