/**
 * Calls between the wire and grpc-js' handlers. Statuses that grpc-js creates itself (an
 * undecodable or oversized message, invalid compression, its own deadline timer) pass neither a
 * handler nor an interceptor's `sendStatus`. Of such a call an interceptor sees only that it is
 * over.
 */
import {
  type Metadata,
  type ServerInterceptor,
  status,
  type ServerInterceptingCallInterface,
} from "@grpc/grpc-js";
import type { Clock } from "../../platform/clock.ts";
import { remainingMs } from "../call/deadline.ts";
import { deadlineInQueueStatus } from "../status/call-ended-status.ts";
import type { Reason } from "../status/status-error.ts";
import {
  type AcceptQueue,
  createAcceptQueue,
  type QueuedCall,
  type QueuePosition,
} from "./accept-queue.ts";
import { hookCall, sendOriginal, type StatusToSend } from "./receiving/library-call.ts";
import { MeteredCall } from "./receiving/metered-call.ts";
import type { ReceiveRefusal, ReceivingCalls } from "./receiving/receiving-calls.ts";
import { StreamCall } from "./receiving/stream-call.ts";

/**
 * Called for each unary call that ends before it reaches its handler. The code is
 * `RESOURCE_EXHAUSTED` with a reason if its request was refused before it was complete,
 * `DEADLINE_EXCEEDED` if the caller's deadline had passed, otherwise `UNKNOWN`: grpc-js reveals
 * neither the status it sent nor whether the caller had gone.
 */
export type EndedByLibrary = (path: string, code: status, reason: Reason | undefined) => void;

/** Dependencies of `createRawCallInterceptor`. */
export interface RawCallDeps {
  readonly endedByLibrary: EndedByLibrary;
  readonly clock: Pick<Clock, "wallNow">;
  /** Bounds what incomplete requests hold. */
  readonly receiving: ReceivingCalls;
  /** Default: a new queue. */
  readonly acceptQueue?: AcceptQueue;
}

/** Path prefix of health checks, which skip the accept queue. */
const healthPath = "/grpc.health.";

/**
 * Creates the server interceptor that is nearest to the wire. It passes unary calls through the
 * accept queue, counts those that never reach their handler, and adds details to the
 * `DEADLINE_EXCEEDED` that grpc-js sends itself. Of streams, it only meters the requests: their
 * callers decide when they end.
 */
export function createRawCallInterceptor({
  acceptQueue = createAcceptQueue(),
  ...deps
}: RawCallDeps): ServerInterceptor {
  const shared = { ...deps, acceptQueue };
  return (method, call) => {
    const { path, requestStream, responseStream } = method;
    const hooks =
      requestStream || responseStream
        ? new StreamCall(call, path, deps.receiving, requestStream)
        : new RawCall(call, path, shared);
    return hookCall(call, hooks);
  };
}

/** A unary call: its hooks in the call of grpc-js, and its place in the accept queue. */
class RawCall extends MeteredCall implements QueuedCall {
  readonly #deps: Required<RawCallDeps>;
  /** Set while the call waits in the accept queue. */
  #position: QueuePosition | undefined;
  #messages = 0;
  /** The call has reached its handler, or one is about to be called. */
  #isHandled = false;
  #isCancelled = false;
  #isHalfClosed = false;
  #isRefused = false;

  constructor(call: ServerInterceptingCallInterface, path: string, deps: Required<RawCallDeps>) {
    super(call, path, deps.receiving);
    this.#deps = deps;
  }

  get isReceiving(): boolean {
    return !this.#isHandled && !this.#isCancelled;
  }

  get isTimed(): boolean {
    return true;
  }

  get connection(): string {
    return this.call.getPeer();
  }

  onReceiveMetadata(metadata: Metadata): void {
    if (this.#isCancelled) return;
    this.metadata = metadata;
    if (this.path.startsWith(healthPath)) this.accept();
    else this.#position = this.#deps.acceptQueue.enqueue(this);
  }

  /** Passes the metadata on; grpc-js reads the message only after that. */
  accept(): void {
    // A call that waits in the accept queue may be complete, so it does not count before.
    this.receiving.began(this);
    if (this.metadata !== undefined) this.listener?.onReceiveMetadata(this.metadata);
  }

  onReceiveMessage(message: unknown): void {
    if (this.#isCancelled) return;
    this.#messages += 1;
    this.listener?.onReceiveMessage(message);
  }

  onReceiveHalfClose(): void {
    this.#isHalfClosed = true;
    if (this.#isCancelled) return;
    // With no message or several, grpc-js answers instead of the handler.
    this.#isHandled = this.#messages === 1;
    if (this.#isHandled) this.requestEnded();
    this.listener?.onReceiveHalfClose();
  }

  onCancel(): void {
    this.#isCancelled = true;
    this.#position?.leave();
    if (!this.#isHandled) {
      this.requestEnded();
      if (!this.#isHalfClosed) this.endedEarly();
      this.#reportEnd();
    }
    this.listener?.onCancel();
  }

  override refuse(why: ReceiveRefusal, isExplained: boolean): void {
    this.#isRefused = true;
    super.refuse(why, isExplained);
  }

  deadlinePassed(outcome: StatusToSend): void {
    if (this.#isHandled) {
      // The gateway's own timer is due too, and its status says whether anything was sent. After
      // that status this one has no effect.
      setImmediate(() => sendOriginal(this.call, outcome));
      return;
    }
    this.answer(deadlineInQueueStatus());
  }

  #reportEnd(): void {
    const { clock, endedByLibrary } = this.#deps;
    if (this.#isRefused) {
      endedByLibrary(this.path, status.RESOURCE_EXHAUSTED, "REQUEST_INCOMPLETE");
      return;
    }
    const isLate = remainingMs(this.call.getDeadline(), clock.wallNow()) <= 0;
    endedByLibrary(this.path, isLate ? status.DEADLINE_EXCEEDED : status.UNKNOWN, undefined);
  }
}
