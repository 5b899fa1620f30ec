/**
 * Statuses that grpc-js makes itself (an undecodable or oversized message, bad compression, its own deadline timer)
 * pass neither a handler nor an interceptor's `sendStatus`; all that can be seen of such a call is that it is over.
 */
import {
  type Metadata,
  type ServerInterceptor,
  ServerInterceptingCall,
  status,
  type ServerInterceptingCallInterface,
} from "@grpc/grpc-js";
import { remainingMs } from "./deadline.ts";

/**
 * Told of each unary call that ended before it reached its handler. The code is `DEADLINE_EXCEEDED` if the caller's
 * deadline had passed, otherwise `UNKNOWN`: the library tells neither which status it sent nor whether the caller had
 * gone away.
 */
export type EndedByLibrary = (path: string, code: status) => void;

/** Makes the server interceptor that notices calls which never reach their handler. */
export function createLibraryStatus(
  endedByLibrary: EndedByLibrary,
  wallNow: () => number,
): ServerInterceptor {
  return (method, call) =>
    // A stream is over whenever its caller says so.
    method.requestStream || method.responseStream
      ? new ServerInterceptingCall(call)
      : new WatchedCall(call, method.path, endedByLibrary, wallNow);
}

type Outcome = Parameters<ServerInterceptingCallInterface["sendStatus"]>[0];
type Listener = Parameters<ServerInterceptingCallInterface["start"]>[0];

/**
 * Call and listener in one object that passes everything straight on. What the library puts between two calls otherwise, to
 * let interceptors answer later, makes a closure for each thing that passes.
 */
class WatchedCall extends ServerInterceptingCall implements Listener {
  readonly #call: ServerInterceptingCallInterface;
  readonly #path: string;
  readonly #ended: EndedByLibrary;
  readonly #wallNow: () => number;
  #listener: Listener | undefined;
  #messages = 0;
  #isHandled = false;
  #isCancelled = false;

  constructor(
    call: ServerInterceptingCallInterface,
    path: string,
    ended: EndedByLibrary,
    wallNow: () => number,
  ) {
    super(call);
    this.#call = call;
    this.#path = path;
    this.#ended = ended;
    this.#wallNow = wallNow;
  }

  override start(listener: Listener): void {
    this.#listener = listener;
    this.#call.start(this);
  }

  override sendMetadata(metadata: Metadata): void {
    this.#call.sendMetadata(metadata);
  }

  override sendMessage(message: unknown, callback: () => void): void {
    this.#call.sendMessage(message, callback);
  }

  override sendStatus(outcome: Outcome): void {
    this.#call.sendStatus(outcome);
  }

  onReceiveMetadata(metadata: Metadata): void {
    if (!this.#isCancelled) this.#listener?.onReceiveMetadata(metadata);
  }

  onReceiveMessage(message: unknown): void {
    if (this.#isCancelled) return;
    this.#messages += 1;
    this.#listener?.onReceiveMessage(message);
  }

  onReceiveHalfClose(): void {
    if (this.#isCancelled) return;
    // With none or several messages, the library answers in the handler's place.
    this.#isHandled = this.#messages === 1;
    this.#listener?.onReceiveHalfClose();
  }

  onCancel(): void {
    this.#isCancelled = true;
    if (!this.#isHandled) {
      const isTooLate = remainingMs(this.getDeadline(), this.#wallNow()) <= 0;
      this.#ended(this.#path, isTooLate ? status.DEADLINE_EXCEEDED : status.UNKNOWN);
    }
    this.#listener?.onCancel();
  }
}
