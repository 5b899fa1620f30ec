/** A client of HTTP/2 that writes its frames by hand, also those that no library would write. */
import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { frame as message } from "./raw-grpc.ts";

/** Types of HTTP/2 frames (RFC 9113 section 6). */
export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const;

/** Flags of HTTP/2 frames. */
export const flags = { ack: 1, endStream: 1, endHeaders: 4 } as const;

const prefaceText = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** One HTTP/2 frame. */
export function http2Frame(
  type: number,
  flag = 0,
  stream = 0,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flag, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** An integer with a prefix of 7 bits (RFC 7541 section 5.1). */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

/** A header block without compression and index, in which names may occur more than once. */
export const headerBlock = (pairs: readonly (readonly [string, string])[]): Buffer =>
  Buffer.concat(
    pairs.flatMap(([name, value]) => [
      Buffer.from([0]),
      integer(Buffer.byteLength(name)),
      Buffer.from(name),
      integer(Buffer.byteLength(value)),
      Buffer.from(value),
    ]),
  );

/** The headers of a gRPC call. */
export const grpcHeaders = (path: string): [string, string][] => [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", path],
  [":authority", "gateway"],
  ["content-type", "application/grpc"],
  ["te", "trailers"],
];

/** A header block as a HEADERS frame and as many CONTINUATION frames as it needs. */
export function headerFrames(stream: number, block: Buffer, flag = 0, size = 16_384): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += size) {
    const type = at === 0 ? frameTypes.headers : frameTypes.continuation;
    const end = at + size >= block.length ? flags.endHeaders : 0;
    const part = block.subarray(at, at + size);
    frames.push(http2Frame(type, (at === 0 ? flag : 0) | end, stream, part));
  }
  return Buffer.concat(frames);
}

/** A received frame. */
export interface ReceivedFrame {
  readonly type: number;
  readonly flag: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A connection with hand-written frames. */
export interface FrameClient extends Disposable {
  readonly socket: Socket;
  /** Frames received so far. */
  readonly received: ReceivedFrame[];
  /** Whether the other side, or an error, has closed the connection. */
  readonly isClosed: boolean;
  write(...frames: readonly Buffer[]): void;
  /** Begins a call; without `body` its message is missing. */
  call(stream: number, path: string, body?: Buffer, more?: readonly [string, string][]): void;
}

async function socketTo(target: number | string | Socket): Promise<Socket> {
  if (typeof target === "object") return target;
  const socket = typeof target === "number" ? connect(target, "127.0.0.1") : connect(target);
  await once(socket, "connect");
  return socket;
}

/** Connects, sends the preface and acknowledges the settings of the server. */
export async function connectFrames(
  target: number | string | Socket,
  preface: Buffer = Buffer.concat([Buffer.from(prefaceText), http2Frame(frameTypes.settings)]),
): Promise<FrameClient> {
  const socket = await socketTo(target);
  const received: ReceivedFrame[] = [];
  let isClosed = false;
  let rest = Buffer.alloc(0);
  socket.on("error", () => {});
  socket.on("close", () => (isClosed = true));
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3);
      const [type, flag] = [rest.readUInt8(3), rest.readUInt8(4)];
      received.push({ type, flag, stream: rest.readUInt32BE(5), payload: rest.subarray(9, end) });
      rest = rest.subarray(end);
      if (type === frameTypes.settings && flag === 0) {
        socket.write(http2Frame(frameTypes.settings, flags.ack));
      }
    }
  });
  socket.write(preface);
  return {
    socket,
    received,
    get isClosed() {
      return isClosed;
    },
    write: (...frames) => void socket.write(Buffer.concat(frames)),
    call(stream, path, body, more = []) {
      const head = headerFrames(stream, headerBlock([...grpcHeaders(path), ...more]));
      const data =
        body === undefined
          ? []
          : [http2Frame(frameTypes.data, flags.endStream, stream, message(body))];
      socket.write(Buffer.concat([head, ...data]));
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}
