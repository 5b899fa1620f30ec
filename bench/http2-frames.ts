/** The HTTP/2 frames (RFC 9113) that a client needs for one small call. */

/** Frame types (RFC 9113, section 6). */
export const frameType = {
  data: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
} as const;

/** Frame flags. */
export const flag = { acknowledged: 1, endStream: 1, endHeaders: 4 } as const;

/** Length of a frame header, in bytes. */
export const headBytes = 9;

/** An HTTP/2 frame. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** Serializes a frame. */
export function toWire({ type, flags, stream, payload }: Frame): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Creates a function that splits received chunks into frames. It keeps an incomplete frame. */
export function createFrameReader(onFrame: (frame: Frame) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
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

const setting = (id: number, value: number): Buffer => {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
};

/** Encodes 32 bits in network byte order. */
export const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
};

/** A WINDOW_UPDATE frame that grants `bytes` more on the connection. */
export const connectionGrant = (bytes: number): Buffer =>
  toWire({ type: frameType.windowUpdate, flags: 0, stream: 0, payload: uint32(bytes) });

/** The connection preface of a client: no server push, and windows that fit every answer. */
export const greeting = (grantBytes: number): Buffer =>
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
