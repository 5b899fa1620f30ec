import type { Metadata, ServerInterceptingCallInterface } from "@grpc/grpc-js";
import { MeteredCall } from "./metered-call.ts";
import type { ReceivingCalls } from "./receiving-calls.ts";

/**
 * A call of the health or the reflection service whose messages are a stream. It is listed until
 * its only request is complete, or, if requests are a stream too, until it ends.
 */
export class StreamCall extends MeteredCall {
  readonly #isRequestStream: boolean;
  #isHalfClosed = false;
  #isOver = false;

  constructor(
    call: ServerInterceptingCallInterface,
    path: string,
    receiving: ReceivingCalls,
    isRequestStream: boolean,
  ) {
    super(call, path, receiving);
    this.#isRequestStream = isRequestStream;
  }

  get isReceiving(): boolean {
    return !this.#isOver && (this.#isRequestStream || !this.#isHalfClosed);
  }

  get isTimed(): boolean {
    return !this.#isRequestStream || this.messageBytes > 0;
  }

  onReceiveMetadata(metadata: Metadata): void {
    this.metadata = metadata;
    this.receiving.began(this);
    this.listener?.onReceiveMetadata(metadata);
  }

  onReceiveMessage(message: unknown): void {
    if (this.#isRequestStream) this.messageEnded();
    this.listener?.onReceiveMessage(message);
  }

  onReceiveHalfClose(): void {
    this.#isHalfClosed = true;
    if (!this.#isRequestStream) this.requestEnded();
    this.listener?.onReceiveHalfClose();
  }

  onCancel(): void {
    this.#isOver = true;
    this.requestEnded();
    if (!this.#isHalfClosed) this.endedEarly();
    this.listener?.onCancel();
  }
}
