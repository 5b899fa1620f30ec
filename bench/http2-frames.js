/** HTTP/2 frames (RFC 9113), as many kinds as a client needs that makes one small call again and again. */
export const frameType = {
  data: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
};
export const flag = { acknowledged: 1, endStream: 1, endHeaders: 4 };
export const headBytes = 9;
/** A frame as it stands on the wire. */
export function toWire({ type, flags, stream, payload }) {
  const head = Buffer.alloc(headBytes);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}
/** Splits what arrives into frames; what is left of the last one is kept for the next chunk. */
export function createFrameReader(onFrame) {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (bytes.length - at >= headBytes) {
      const end = at + headBytes + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      onFrame({
        type: bytes.readUInt8(at + 3),
        flags: bytes.readUInt8(at + 4),
        stream: bytes.readUInt32BE(at + 5) & 0x7fff_ffff,
        payload: bytes.subarray(at + headBytes, end),
      });
      at = end;
    }
    rest = bytes.subarray(at);
  };
}
const setting = (id, value) => {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
};
export const uint32 = (value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
};
/** A grant of further bytes on the whole connection. */
export const connectionGrant = (bytes) =>
  toWire({ type: frameType.windowUpdate, flags: 0, stream: 0, payload: uint32(bytes) });
/** What a client says first: no pushes, room for every answer. */
export const greeting = (grantBytes) =>
  Buffer.concat([
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1"),
    toWire({
      type: frameType.settings,
      flags: 0,
      stream: 0,
      payload: Buffer.concat([setting(2, 0), setting(4, 1 << 20)]),
    }),
    connectionGrant(grantBytes),
  ]);
