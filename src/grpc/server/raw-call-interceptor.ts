/**
 * Statuses that grpc-js makes itself (an undecodable or oversized message, bad compression, its own deadline timer)
 * pass neither a handler nor an interceptor's `sendStatus`; all that can be seen of such a call is that it is over.
 */
import { randomUUID } from "node:crypto";
import {
  type Metadata,
  type ServerInterceptor,
  ServerInterceptingCall,
  status,
  type ServerInterceptingCallInterface,
} from "@grpc/grpc-js";
import { deadlineInQueueStatus } from "../status/call-ended-status.ts";
import { correlationIdOf } from "../call/correlation-id.ts";
import { remainingMs } from "../call/deadline.ts";
import { createEntrance, type Entrance, type Entrant, type Waiting } from "./accept-queue.ts";
import { withTrailers } from "../status/status-trailers.ts";

/**
 * Told of each unary call that ended before it reached its handler. The code is `DEADLINE_EXCEEDED` if the caller's
 * deadline had passed, otherwise `UNKNOWN`: the library tells neither which status it sent nor whether the caller had
 * gone away.
 */
export type EndedByLibrary = (path: string, code: status) => void;

/** Of unary calls; probes of health do not wait at the entrance. */
const healthPath = "/grpc.health.";

/**
 * Makes the server interceptor that stands next to the wire: it lets unary calls in through the entrance, notices those
 * which never reach their handler, and sees to it that `DEADLINE_EXCEEDED` has its details though the library sends it.
 */
export function createLibraryStatus(
  endedByLibrary: EndedByLibrary,
  wallNow: () => number,
  entrance: Entrance = createEntrance(),
): ServerInterceptor {
  return (method, call) =>
    // A stream is over whenever its caller says so.
    method.requestStream || method.responseStream
      ? new ServerInterceptingCall(call)
      : new WatchedCall(call, method.path, { endedByLibrary, wallNow, entrance });
}

/** What all calls share. */
interface Surroundings {
  readonly endedByLibrary: EndedByLibrary;
  readonly wallNow: () => number;
  readonly entrance: Entrance;
}

type StatusToSend = Parameters<ServerInterceptingCallInterface["sendStatus"]>[0];
type Listener = Parameters<ServerInterceptingCallInterface["start"]>[0];

/** Where a call of the library keeps who watches what it sends. */
const watcher = Symbol("watcher");

interface Watched extends ServerInterceptingCallInterface {
  [watcher]?: WatchedCall;
}

/**
 * Takes the place of a watched call's own `sendStatus`. One function for all calls, on purpose: calls that each hold a function
 * made for them are kept by V8 until the next large collection of garbage, with their streams, which made twice as much
 * work for the small ones (measured with Node 20.20).
 */
function sendWatched(this: Watched, outcome: StatusToSend): void {
  this[watcher]?.sendUnlessBare(outcome);
}

/**
 * Call and listener in one object that passes everything straight on. What the library puts between two calls otherwise, to
 * let interceptors answer later, makes a closure for each thing that passes.
 */
class WatchedCall extends ServerInterceptingCall implements Listener, Entrant {
  readonly #call: Watched;
  readonly #sendStatus: ServerInterceptingCallInterface["sendStatus"];
  readonly #path: string;
  readonly #around: Surroundings;
  #listener: Listener | undefined;
  #metadata: Metadata | undefined;
  #waiting: Waiting | undefined;
  #messages = 0;
  #isHandled = false;
  #isCancelled = false;

  constructor(call: ServerInterceptingCallInterface, path: string, around: Surroundings) {
    super(call);
    this.#call = call;
    this.#path = path;
    this.#around = around;
    // oxlint-disable-next-line typescript/unbound-method -- applied to the call below
    this.#sendStatus = call.sendStatus;
    if (call.getDeadline() !== Infinity) this.#watchDeadline();
  }

  /**
   * What the library sends by itself goes through this method of the call, and through nothing else that can be seen. Node
   * runs all due timers of one duration together: when it was held up, the library's may come before the gateway's own.
   */
  #watchDeadline(): void {
    this.#call[watcher] = this;
    this.#call.sendStatus = sendWatched;
  }

  /** Sends a status, unless it is the one without details that the library sends when the deadline has passed. */
  sendUnlessBare(outcome: StatusToSend): void {
    const isBare = outcome.code === status.DEADLINE_EXCEEDED && (outcome.metadata ?? null) === null;
    if (!isBare) this.#send(outcome);
    else if (!this.#isHandled) this.#send(this.#tooLate());
    // The gateway's own is due too, and knows what became of the call. After its answer this does nothing.
    else setImmediate(() => this.#send(outcome));
  }

  #send(outcome: StatusToSend): void {
    Reflect.apply(this.#sendStatus, this.#call, [outcome]);
  }

  #remainingMs(): number {
    return remainingMs(this.getDeadline(), this.#around.wallNow());
  }

  #tooLate(): StatusToSend {
    const correlationId =
      this.#metadata === undefined ? randomUUID() : correlationIdOf(this.#metadata, randomUUID);
    return withTrailers(deadlineInQueueStatus(), {
      correlationId,
      method: this.#path.slice(1),
      attempts: 0,
      httpStatus: undefined,
    });
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
    this.#call.sendStatus(outcome);
  }

  onReceiveMetadata(metadata: Metadata): void {
    if (this.#isCancelled) return;
    this.#metadata = metadata;
    if (this.#path.startsWith(healthPath)) this.enter();
    else this.#waiting = this.#around.entrance.arrive(this);
  }

  get connection(): string {
    return this.getPeer();
  }

  /** Until then the message is not read. */
  enter(): void {
    if (this.#metadata !== undefined) this.#listener?.onReceiveMetadata(this.#metadata);
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
    this.#waiting?.leave();
    if (!this.#isHandled) {
      const isTooLate = this.#remainingMs() <= 0;
      this.#around.endedByLibrary(
        this.#path,
        isTooLate ? status.DEADLINE_EXCEEDED : status.UNKNOWN,
      );
    }
    this.#listener?.onCancel();
  }
}
