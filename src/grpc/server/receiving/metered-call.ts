import { randomUUID } from "node:crypto";
import { constants } from "node:http2";
import {
  type Metadata,
  type ServerInterceptor,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
} from "@grpc/grpc-js";
import { correlationIdOf } from "../../call/correlation-id.ts";
import { metadataSize } from "../../interceptors/limit-metadata.ts";
import { requestIncompleteStatus } from "../../status/call-ended-status.ts";
import type { StatusError } from "../../status/status-error.ts";
import { withTrailers } from "../../status/trailers.ts";
import { sendOriginal, sessionOfInner } from "../grpc-js.ts";
import {
  type DataReceiver,
  divertData,
  isStreamOpen,
  releaseData,
  resetStream,
} from "./divert-data.ts";
import type {
  ReceiveRefusal,
  ReceivingCall,
  ReceivingCalls,
  ReceivingEntry,
} from "./receiving-calls.ts";

/**
 * Interceptor of Unix listeners: makes `unix` the peer of a call. grpc-js reports `unknown`, which
 * is also the peer of a TCP connection that has just broken; only the listener can distinguish
 * them.
 */
export const markUnixCall: ServerInterceptor = (_method, call) => new UnixCall(call);

class UnixCall extends ServerInterceptingCall {
  readonly inner: ServerInterceptingCallInterface;

  constructor(call: ServerInterceptingCallInterface) {
    super(call);
    this.inner = call;
  }

  override getPeer(): string {
    return "unix";
  }
}

const innermost = (call: ServerInterceptingCallInterface): ServerInterceptingCallInterface =>
  call instanceof UnixCall ? call.inner : call;

/** Bytes that a chunk takes besides its content. */
const chunkOverheadBytes = 256;

/**
 * A call whose received bytes are counted until its message is complete. A chunk is a part of what
 * was read from the socket, up to 64 KiB, and keeps all of that in memory. A peer that sends one
 * byte of a message with each read would fill memory with little traffic, so a small chunk of a
 * listed call is copied.
 */
export abstract class MeteredCall
  extends ServerInterceptingCall
  implements ReceivingCall, DataReceiver
{
  /** The innermost call: that of grpc-js itself. */
  protected readonly inner: ServerInterceptingCallInterface;
  protected readonly path: string;
  protected readonly receiving: ReceivingCalls;
  /** Set when the call starts. */
  protected metadata: Metadata | undefined;
  entry: ReceivingEntry | undefined;
  /** Bytes of the incomplete message. */
  #messageBytes = 0;
  /** The newest read of which a chunk is held; its bytes are counted once. */
  #newestRead: ArrayBufferLike | undefined;

  constructor(call: ServerInterceptingCallInterface, path: string, receiving: ReceivingCalls) {
    super(call);
    this.inner = innermost(call);
    this.path = path;
    this.receiving = receiving;
    divertData(this.inner, this);
  }

  abstract get isReceiving(): boolean;
  abstract get isTimed(): boolean;

  refuse(why: ReceiveRefusal, isExplained: boolean): void {
    if (isExplained) this.answer(requestIncompleteStatus(why));
    else resetStream(this.inner, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    this.#newestRead = undefined;
    releaseData(this.inner);
  }

  get peer(): string {
    return this.getPeer();
  }

  get session(): object | undefined {
    return sessionOfInner(this.inner);
  }

  get messageBytes(): number {
    return this.#messageBytes;
  }

  get heldBytes(): number {
    const head = this.metadata === undefined ? 0 : metadataSize(this.metadata).bytes;
    return this.#messageBytes + head;
  }

  dataReceived(data: Buffer): Buffer {
    const { entry } = this;
    if (entry === undefined) {
      if (data.buffer !== this.#newestRead) this.#messageBytes += data.buffer.byteLength;
      this.#newestRead = data.buffer;
      return data;
    }
    const isCopied = data.length * 4 < data.buffer.byteLength;
    const bytes = isCopied ? data.length + chunkOverheadBytes : data.buffer.byteLength;
    this.#messageBytes += bytes;
    this.receiving.grew(entry, bytes);
    if (!isCopied) return data;
    const copy = Buffer.allocUnsafeSlow(data.length);
    data.copy(copy);
    // It may be a plaintext, of which only the copy is zeroed after the call.
    data.fill(0);
    return copy;
  }

  /** To be called when a message is complete. */
  protected messageEnded(): void {
    const { entry } = this;
    if (entry !== undefined) this.receiving.shrank(entry, this.#messageBytes);
    this.#messageBytes = 0;
    this.#newestRead = undefined;
  }

  /** Answers a call that has not reached its handler. */
  protected answer(error: StatusError): void {
    const { metadata } = this;
    const correlationId =
      metadata === undefined ? randomUUID() : correlationIdOf(metadata, randomUUID);
    const facts = { correlationId, method: this.path.slice(1), attempts: 0, httpStatus: undefined };
    sendOriginal(this.inner, withTrailers(error, facts));
  }

  /** To be called when the call is over and its request is not complete. */
  protected endedEarly(): void {
    if (isStreamOpen(this.inner)) this.receiving.answered(this);
  }

  stopReceiving(): void {
    resetStream(this.inner, constants.NGHTTP2_NO_ERROR);
  }
}
