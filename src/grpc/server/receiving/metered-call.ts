import { randomUUID } from "node:crypto";
import { constants } from "node:http2";
import type { Metadata, ServerInterceptingCallInterface } from "@grpc/grpc-js";
import { correlationIdOf } from "../../call/correlation-id.ts";
import { metadataSize } from "../../interceptors/limit-metadata.ts";
import { requestIncompleteStatus } from "../../status/call-ended-status.ts";
import type { StatusError } from "../../status/status-error.ts";
import { withTrailers } from "../../status/trailers.ts";
import { sessionOfInner } from "../grpc-js.ts";
import {
  type CallHooks,
  isStreamOpen,
  type Listener,
  releaseData,
  resetStream,
  sendOriginal,
} from "./library-call.ts";
import type {
  ReceiveRefusal,
  ReceivingCall,
  ReceivingCalls,
  ReceivingEntry,
} from "./receiving-calls.ts";

/** Bytes that a chunk takes besides its content. */
const chunkOverheadBytes = 256;

/**
 * A call whose received bytes are counted until its message is complete. A chunk is a part of what
 * was read from the socket, up to 64 KiB, and keeps all of that in memory. A peer that sends one
 * byte of a message with each read would fill memory with little traffic, so a small chunk of a
 * listed call is copied.
 */
export abstract class MeteredCall implements ReceivingCall, CallHooks {
  /** The innermost call: that of grpc-js itself. */
  protected readonly call: ServerInterceptingCallInterface;
  protected readonly path: string;
  protected readonly receiving: ReceivingCalls;
  listener: Listener | undefined;
  /** Set when the call starts. */
  protected metadata: Metadata | undefined;
  entry: ReceivingEntry | undefined;
  /** Bytes of the incomplete message. */
  #messageBytes = 0;
  /** The newest read of which a chunk is held; its bytes are counted once. */
  #newestRead: ArrayBufferLike | undefined;

  constructor(call: ServerInterceptingCallInterface, path: string, receiving: ReceivingCalls) {
    this.call = call;
    this.path = path;
    this.receiving = receiving;
  }

  abstract get isReceiving(): boolean;
  abstract get isTimed(): boolean;
  abstract onReceiveMetadata(metadata: Metadata): void;
  abstract onReceiveMessage(message: unknown): void;
  abstract onReceiveHalfClose(): void;
  abstract onCancel(): void;

  refuse(why: ReceiveRefusal, isExplained: boolean): void {
    if (isExplained) this.answer(requestIncompleteStatus(why));
    else resetStream(this.call, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    this.#newestRead = undefined;
    releaseData(this.call);
  }

  get peer(): string {
    return this.call.getPeer();
  }

  get session(): object | undefined {
    return sessionOfInner(this.call);
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

  /** To be called when a message of a stream is complete. */
  protected messageEnded(): void {
    const { entry } = this;
    if (entry !== undefined) this.receiving.shrank(entry, this.#messageBytes);
    this.#messageBytes = 0;
    this.#newestRead = undefined;
  }

  /** To be called when the request is complete, or the call over: it holds no memory any more. */
  protected requestEnded(): void {
    if (this.entry !== undefined) this.receiving.ended(this);
    this.#messageBytes = 0;
    this.#newestRead = undefined;
  }

  /** Answers a call that has not reached its handler. */
  protected answer(error: StatusError): void {
    const { metadata } = this;
    const correlationId =
      metadata === undefined ? randomUUID() : correlationIdOf(metadata, randomUUID);
    const facts = { correlationId, method: this.path.slice(1), attempts: 0, httpStatus: undefined };
    sendOriginal(this.call, withTrailers(error, facts));
  }

  /** To be called when the call is over and its request is not complete. */
  protected endedEarly(): void {
    if (isStreamOpen(this.call)) this.receiving.answered(this);
  }

  stopReceiving(): void {
    resetStream(this.call, constants.NGHTTP2_NO_ERROR);
  }
}
