/**
 * A gRPC client that repeats one identical call at a cost of a few µs. A client library would use
 * as much processor time as the measured servers, and would slow them down on a machine with few
 * cores.
 */
import { once } from "node:events";
import { connect } from "node:net";
import type { CallOnce } from "./closed-loop.ts";
import {
  connectionGrant,
  createFrameReader,
  flag,
  frameType,
  greeting,
  headBytes,
  toWire,
  type Frame,
} from "./http2-frames.ts";
import { headerBlocks } from "./http2-headers.ts";

/** A connection to a gRPC server. */
export interface WireClient {
  /** Makes a call. It is right if the answer is exactly the expected message. */
  readonly call: CallOnce;
  /** Closes the connection. Calls in flight fail. */
  close(): void;
}

interface Call {
  /** How much of the expected answer has arrived; -1 if it is wrong. */
  matched: number;
  readonly done: (isRight: boolean) => void;
}

const grantBytes = 2 ** 30;

/** The header of a call whose caller records its span (W3C Trace Context). */
const recordedTrace = ["traceparent", `00-${"1".repeat(32)}-${"2".repeat(16)}-01`] as const;

/** A gRPC message with its prefix of 5 bytes. */
function enveloped(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** A request without stream IDs. `streamAt` are the positions of the IDs in the frame headers. */
function requestOf(block: Buffer, body: Buffer): { bytes: Buffer; streamAt: readonly number[] } {
  const headers = toWire({
    type: frameType.headers,
    flags: flag.endHeaders,
    stream: 0,
    payload: block,
  });
  const data = toWire({ type: frameType.data, flags: flag.endStream, stream: 0, payload: body });
  return {
    bytes: Buffer.concat([headers, data]),
    streamAt: [headBytes - 4, headers.length + headBytes - 4],
  };
}

/** Connects to a server on loopback. */
export async function connectWire(options: {
  readonly port: number;
  readonly path: string;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  /** Whether the calls belong to a trace that the caller records. Default: to none. */
  readonly isRecorded?: boolean;
}): Promise<WireClient> {
  const { port, isRecorded = false } = options;
  const expected = enveloped(options.response);
  const body = enveloped(options.request);
  const blocks = headerBlocks([
    [":method", "POST"],
    [":scheme", "http"],
    [":authority", `127.0.0.1:${port}`],
    [":path", options.path],
    ["te", "trailers"],
    ["content-type", "application/grpc"],
    ["user-agent", "grpc-node-js/1.14.7"],
    ["grpc-accept-encoding", "identity,deflate,gzip"],
    ["grpc-timeout", "10S"],
    ...(isRecorded ? [recordedTrace] : []),
  ]);
  const first = requestOf(blocks.first, body);
  const later = requestOf(blocks.later, body);

  const calls = new Map<number, Call>();
  const waiting: Call[] = [];
  let outgoing: Buffer[] = [];
  let nextStream = 1;
  let sendWindow = 65_535;
  let receivedBytes = 0;
  let isFlushDue = false;

  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const flush = (): void => {
    isFlushDue = false;
    if (outgoing.length === 0) return;
    socket.write(Buffer.concat(outgoing));
    outgoing = [];
  };
  const send = (call: Call): void => {
    const { bytes, streamAt } = nextStream === 1 ? first : later;
    const copy = Buffer.from(bytes);
    for (const at of streamAt) copy.writeUInt32BE(nextStream, at);
    calls.set(nextStream, call);
    nextStream += 2;
    sendWindow -= body.length;
    outgoing.push(copy);
  };
  const end = (stream: number): void => {
    const call = calls.get(stream);
    if (call === undefined) return;
    calls.delete(stream);
    call.done(call.matched === expected.length);
  };
  /** How much of the answer has arrived with a further part of it; -1 if it is wrong. */
  const matchedWith = (part: Buffer, before: number): number => {
    const after = before + part.length;
    return before >= 0 && part.equals(expected.subarray(before, after)) ? after : -1;
  };
  const abandon = (): void => {
    const lost = [...calls.values(), ...waiting.splice(0)];
    calls.clear();
    for (const call of lost) call.done(false);
  };

  const take = ({ type, flags, stream, payload }: Frame): void => {
    if (type === frameType.data) {
      receivedBytes += payload.length;
      const call = calls.get(stream);
      if (call !== undefined) call.matched = matchedWith(payload, call.matched);
    } else if (type === frameType.windowUpdate) {
      if (stream === 0) sendWindow += payload.readUInt32BE(0);
    } else if (type === frameType.resetStream) {
      const call = calls.get(stream);
      if (call !== undefined) call.matched = -1;
      end(stream);
    } else if (type === frameType.goAway) {
      socket.destroy();
    } else if (type === frameType.settings || type === frameType.ping) {
      if ((flags & flag.acknowledged) !== 0) return;
      const echoed = type === frameType.ping ? payload : Buffer.alloc(0);
      outgoing.push(toWire({ type, flags: flag.acknowledged, stream: 0, payload: echoed }));
    }
    const isOver = type === frameType.data || type === frameType.headers;
    if (isOver && (flags & flag.endStream) !== 0) end(stream);
  };
  const read = createFrameReader(take);

  socket.on("data", (chunk) => {
    read(chunk);
    while (waiting.length > 0 && sendWindow >= body.length) {
      const call = waiting.shift();
      if (call !== undefined) send(call);
    }
    if (receivedBytes > grantBytes / 2) {
      outgoing.push(connectionGrant(receivedBytes));
      receivedBytes = 0;
    }
    flush();
  });
  socket.on("error", () => {});
  socket.on("close", abandon);
  await once(socket, "connect");
  socket.write(greeting(grantBytes));

  return {
    call: () =>
      new Promise((done) => {
        if (socket.destroyed) {
          // Asynchronous, because a caller in a loop must yield to the event loop.
          setImmediate(done, false);
          return;
        }
        const call = { matched: 0, done };
        if (sendWindow < body.length) waiting.push(call);
        else send(call);
        // Outside a `data` event nothing else flushes. Calls of the same tick are sent together.
        if (!isFlushDue) {
          isFlushDue = true;
          process.nextTick(flush);
        }
      }),
    close: () => void socket.destroy(),
  };
}
