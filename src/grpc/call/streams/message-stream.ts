/** A stream of messages in both directions, as handlers see it. */
import { constants } from "node:http2";
import { type Deadline, Metadata, type ServerDuplexStream } from "@grpc/grpc-js";
import { limitReadAhead, sessionOf } from "../../server/grpc-js.ts";
import { resetStream } from "../../server/receiving/library-call.ts";
import type { StreamClosing } from "../../status/stream-status.ts";
import type { CallContext } from "../call-context.ts";
import { correlationKey } from "../correlation-id.ts";

/**
 * Answers one stream. It resolves when the caller has ended its side and everything is answered,
 * and rejects with the status otherwise.
 */
export type StreamHandler<Req, Res> = (
  messages: MessageStream<Req, Res>,
  context: CallContext,
) => Promise<void>;

/**
 * The messages of one stream. A message is read from the connection only when the handler asks for
 * it, and one ahead. A written message counts as taken when the connection has room for it, so that
 * a handler which waits for that stops for a peer that does not read.
 */
export class MessageStream<Req, Res> {
  /** The caller's own deadline, as grpc-js gives it. */
  readonly deadline: Deadline;
  readonly #duplex: ServerDuplexStream<Req, Res>;
  /** Ends the wait of `read`. */
  #wake: () => void = () => {};
  #closing: StreamClosing | undefined;
  #hasHeaders = false;
  #isEnded = false;

  constructor(duplex: ServerDuplexStream<Req, Res>) {
    this.deadline = duplex.getDeadline();
    this.#duplex = duplex;
    limitReadAhead(duplex);
    duplex.on("readable", () => this.#wake());
    duplex.on("close", () => this.#wake());
    duplex.on("end", () => {
      this.#isEnded = true;
      this.#wake();
    });
  }

  /** Why the gateway reads no more of the stream; `undefined` while it does. */
  get closing(): StreamClosing | undefined {
    return this.#closing;
  }

  /** Stops reading. Only the first reason counts. */
  close(why: StreamClosing): void {
    this.#closing ??= why;
    this.#wake();
  }

  /** Stops reading if the connection of the stream accepts no further calls. */
  closeWithConnection(): void {
    const session = sessionOf(this.#duplex);
    if (session !== undefined && Reflect.get(session, "closed") === true) this.close("connection");
  }

  /** The next message; `undefined` after the last one, when the stream is closed or broken. */
  async read(): Promise<Req | undefined> {
    for (;;) {
      if (this.#closing !== undefined || this.#isEnded || this.#duplex.destroyed) return undefined;
      const message: Req | null = this.#duplex.read();
      if (message !== null) return message;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Sends a message. `onTaken` is called when the connection has taken it, or the stream broke. */
  write(message: Res, { correlationId }: CallContext, onTaken: () => void): void {
    if (this.#duplex.destroyed) return onTaken();
    if (!this.#hasHeaders) {
      // After headers a client no longer retries, so they are sent only with the first message.
      this.#hasHeaders = true;
      const metadata = new Metadata();
      metadata.set(correlationKey, correlationId);
      this.#duplex.sendMetadata(metadata);
    }
    this.#duplex.write(message, onTaken);
  }

  /** Ends the stream at once, without a status, because the peer does not take what was sent. */
  reset(): void {
    resetStream(Reflect.get(this.#duplex, "call"), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }
}
