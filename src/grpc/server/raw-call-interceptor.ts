/**
 * Calls between the wire and grpc-js' handlers. Statuses that grpc-js creates itself (an
 * undecodable or oversized message, invalid compression, its own deadline timer) pass neither a
 * handler nor an interceptor's `sendStatus`. Of such a call an interceptor sees only that it is
 * over.
 */
import { randomUUID } from "node:crypto";
import {
  type Metadata,
  type ServerInterceptor,
  ServerInterceptingCall,
  status,
  type ServerInterceptingCallInterface,
} from "@grpc/grpc-js";
import type { Clock } from "../../platform/clock.ts";
import { correlationIdOf } from "../call/correlation-id.ts";
import { remainingMs } from "../call/deadline.ts";
import { deadlineInQueueStatus } from "../status/call-ended-status.ts";
import { withTrailers } from "../status/trailers.ts";
import {
  type AcceptQueue,
  createAcceptQueue,
  type QueuedCall,
  type QueuePosition,
} from "./accept-queue.ts";
import { type DeadlineReceiver, divertDeadline, sendOriginal } from "./grpc-js.ts";
import type { StatusToSend } from "./grpc-js.ts";

/**
 * Called for each unary call that ends before it reaches its handler. The code is
 * `DEADLINE_EXCEEDED` if the caller's deadline had passed, otherwise `UNKNOWN`: grpc-js reveals
 * neither the status it sent nor whether the caller had gone.
 */
export type EndedByLibrary = (path: string, code: status) => void;

/** Dependencies of `createRawCallInterceptor`. */
export interface RawCallDeps {
  readonly endedByLibrary: EndedByLibrary;
  readonly clock: Pick<Clock, "wallNow">;
  /** Default: a new queue. */
  readonly acceptQueue?: AcceptQueue;
}

/** Path prefix of health checks, which skip the accept queue. */
const healthPath = "/grpc.health.";

/**
 * Creates the server interceptor that is nearest to the wire. It passes unary calls through the
 * accept queue, counts those that never reach their handler, and adds details to the
 * `DEADLINE_EXCEEDED` that grpc-js sends itself. Streams pass unchanged: their callers decide when
 * they end.
 */
export function createRawCallInterceptor({
  acceptQueue = createAcceptQueue(),
  ...deps
}: RawCallDeps): ServerInterceptor {
  const shared = { ...deps, acceptQueue };
  return (method, call) =>
    method.requestStream || method.responseStream
      ? new ServerInterceptingCall(call)
      : new RawCall(call, method.path, shared);
}

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

type Listener = Parameters<ServerInterceptingCallInterface["start"]>[0];

/**
 * A unary call and its listener in one object that passes everything on directly. The default
 * implementation of grpc-js creates a closure for each event, so that interceptors can answer
 * later.
 */
class RawCall extends ServerInterceptingCall implements Listener, QueuedCall, DeadlineReceiver {
  /** The innermost call: that of grpc-js itself. */
  readonly #call: ServerInterceptingCallInterface;
  readonly #path: string;
  readonly #deps: Required<RawCallDeps>;
  #listener: Listener | undefined;
  #metadata: Metadata | undefined;
  /** Set while the call waits in the accept queue. */
  #position: QueuePosition | undefined;
  #messages = 0;
  /** The call has reached its handler, or one is about to be called. */
  #isHandled = false;
  #isCancelled = false;

  constructor(call: ServerInterceptingCallInterface, path: string, deps: Required<RawCallDeps>) {
    super(call);
    this.#call = call instanceof UnixCall ? call.inner : call;
    this.#path = path;
    this.#deps = deps;
    if (call.getDeadline() !== Infinity) divertDeadline(this.#call, this);
  }

  get connection(): string {
    return this.getPeer();
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

  override sendStatus(outcome: StatusToSend): void {
    sendOriginal(this.#call, outcome);
  }

  onReceiveMetadata(metadata: Metadata): void {
    if (this.#isCancelled) return;
    this.#metadata = metadata;
    if (this.#path.startsWith(healthPath)) this.accept();
    else this.#position = this.#deps.acceptQueue.enqueue(this);
  }

  /** Passes the metadata on; grpc-js reads the message only after that. */
  accept(): void {
    if (this.#metadata !== undefined) this.#listener?.onReceiveMetadata(this.#metadata);
  }

  onReceiveMessage(message: unknown): void {
    if (this.#isCancelled) return;
    this.#messages += 1;
    this.#listener?.onReceiveMessage(message);
  }

  onReceiveHalfClose(): void {
    if (this.#isCancelled) return;
    // With no message or several, grpc-js answers instead of the handler.
    this.#isHandled = this.#messages === 1;
    this.#listener?.onReceiveHalfClose();
  }

  onCancel(): void {
    this.#isCancelled = true;
    this.#position?.leave();
    if (!this.#isHandled) {
      const { clock, endedByLibrary } = this.#deps;
      const isLate = remainingMs(this.getDeadline(), clock.wallNow()) <= 0;
      endedByLibrary(this.#path, isLate ? status.DEADLINE_EXCEEDED : status.UNKNOWN);
    }
    this.#listener?.onCancel();
  }

  deadlinePassed(outcome: StatusToSend): void {
    if (this.#isHandled) {
      // The gateway's own timer is due too, and its status says whether anything was sent. After
      // that status this one has no effect.
      setImmediate(() => sendOriginal(this.#call, outcome));
      return;
    }
    const metadata = this.#metadata;
    const facts = {
      correlationId: metadata === undefined ? randomUUID() : correlationIdOf(metadata, randomUUID),
      method: this.#path.slice(1),
      attempts: 0,
      httpStatus: undefined,
    };
    sendOriginal(this.#call, withTrailers(deadlineInQueueStatus(), facts));
  }
}
