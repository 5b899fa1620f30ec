import { Metadata, status, type sendUnaryData, type ServerUnaryCall } from "@grpc/grpc-js";
import { CallEnded, type CallEnd } from "../../platform/call-signal.ts";
import { CallLifetime } from "../../platform/call-signal.ts";
import type { Timer } from "../../platform/clock.ts";
import type { Rpc } from "../../rpc-table.ts";
import type { CallContext } from "./call-context.ts";
import {
  callEndedStatus,
  deadlineTooShortStatus,
  shuttingDownStatus,
  statusErrorOf,
} from "../status/call-ended-status.ts";
import type { RegisteredCall } from "./active-calls.ts";
import { correlationKey } from "./correlation-id.ts";
import { type CallSurroundings, createCallContext } from "./create-call-context.ts";
import { remainingMs } from "./deadline.ts";
import { withTrailers } from "../status/status-trailers.ts";
import type { UnaryHandler } from "../interceptors/interceptor.ts";
import { StatusError, type Reason } from "../status/status-error.ts";
import { wipe } from "./zeroize.ts";

/** Turns a response into its message. Must copy: the response is wiped afterwards. */
export type Encode<Res> = (response: Res) => Buffer;

/** With less than this left of the caller's own time, in milliseconds, its deadline is taken to have come. */
const hastyMs = 5;

/**
 * One call from its arrival to the wiping of its last byte. Three things happen to it once each, in any order: it is
 * answered (the status is decided and sent), its handler settles, and it closes (grpc-js is done with it, after every
 * answer and when the caller goes away). Answered by one of handler, deadline, shutdown or caller, it ignores the
 * others.
 */
export class InboundCall<Req, Res> implements RegisteredCall {
  place: number | undefined;
  readonly #around: CallSurroundings;
  readonly #call: ServerUnaryCall<Req, Buffer>;
  readonly #callback: sendUnaryData<Buffer>;
  readonly #encode: Encode<Res>;
  readonly #context: CallContext;
  readonly #lifetime = new CallLifetime();
  readonly #startedAt: number;
  readonly #remainingMs: number;
  #timer: Timer | undefined;
  #isAnswered = false;
  #isSettled = false;
  #isClosed = false;
  #message: Buffer | undefined;

  constructor(
    around: CallSurroundings,
    rpc: Rpc,
    encode: Encode<Res>,
    call: ServerUnaryCall<Req, Buffer>,
    callback: sendUnaryData<Buffer>,
  ) {
    this.#around = around;
    this.#call = call;
    this.#callback = callback;
    this.#encode = encode;
    this.#startedAt = around.clock.now();
    this.#remainingMs = remainingMs(call.getDeadline(), around.clock.wallNow());
    this.#context = createCallContext(around, rpc, call, this.#remainingMs, this.#lifetime);
  }

  /** Hands the call to its handler, or refuses it. Called once. */
  run(handler: UnaryHandler<Req, Res>): void {
    const { clock, registry, deadlines, observers } = this.#around;
    for (const observer of observers) {
      try {
        observer.callStarted?.(this.#context.rpc);
      } catch (error) {
        this.#broken(error, "observer failed");
      }
    }
    this.#call.on("cancelled", () => this.#close());
    const allowed = this.#context.deadline - this.#startedAt;
    if (registry.isRefusing || allowed <= 0) {
      this.#isSettled = true;
      this.#refuse(
        registry.isRefusing
          ? shuttingDownStatus()
          : deadlineTooShortStatus(this.#remainingMs, deadlines.leastMarginMs),
      );
      return;
    }
    registry.add(this);
    this.#timer = clock.after(allowed, () => this.end("deadline"));
    try {
      handler(this.#call.request, this.#context).then(
        (response) => this.#succeeded(response),
        (error: unknown) => this.#failed(error),
      );
    } catch (error) {
      this.#failed(error);
    }
  }

  end(end: CallEnd): void {
    if (this.#isAnswered || this.#lifetime.aborted) return;
    this.#endLifetime(end);
    if (this.#isAtCallersDeadline()) {
      // The event loop was held up: by the next turn the library's own timer would have answered, without details.
      this.#endUnlessAnswered();
    } else {
      // What the handler makes of the abort is the better answer, and it has until the next turn to give it.
      setImmediate(() => this.#endUnlessAnswered());
    }
  }

  /** Tells those who work for the call. Only the first end counts. */
  #endLifetime(end: CallEnd): void {
    this.#lifetime.end(new CallEnded(end), (error) => this.#broken(error, "listener failed"));
  }

  #isAtCallersDeadline(): boolean {
    return this.#remainingMs - (this.#around.clock.now() - this.#startedAt) < hastyMs;
  }

  #endUnlessAnswered(): void {
    if (!this.#isAnswered) this.#refuse(callEndedStatus(this.#context));
  }

  #succeeded(response: Res): void {
    this.#isSettled = true;
    if (this.#isAnswered) {
      wipe(response);
      this.#cameLate();
      return;
    }
    let message: Buffer;
    try {
      message = this.#encode(response);
    } catch (error) {
      this.#refuse(statusErrorOf(error, this.#context));
      return;
    } finally {
      wipe(response);
    }
    this.#message = message;
    const metadata = new Metadata();
    metadata.set(correlationKey, this.#context.correlationId);
    this.#answer(() => {
      // Headers commit a call, so that the client does not repeat it: they go out with the answer and never earlier.
      this.#call.sendMetadata(metadata);
      this.#callback(null, message, metadata);
    });
    this.#ended(status.OK, undefined, undefined);
  }

  /** The caller was told that the change may or may not have happened; now the log can tell that it has. */
  #cameLate(): void {
    const { correlationId, logger, rpc } = this.#context;
    if (rpc.repeat !== "safe") {
      logger.warn({ method: rpc.path.slice(1), correlationId }, "succeeded after it was answered");
    }
    this.#wipeWhenOver();
  }

  #failed(error: unknown): void {
    this.#isSettled = true;
    if (!this.#isAnswered) {
      this.#refuse(statusErrorOf(error, this.#context));
      return;
    }
    if (!(error instanceof StatusError || error instanceof CallEnded)) {
      this.#broken(error, "handler failed after its call was answered");
    }
    this.#wipeWhenOver();
  }

  /** The one exit of errors. */
  #refuse(error: StatusError): void {
    const { correlationId, rpc, attemptLog } = this.#context;
    const answer = withTrailers(error, {
      correlationId,
      method: rpc.path.slice(1),
      attempts: attemptLog.attempts,
      httpStatus: attemptLog.httpStatus,
    });
    this.#answer(() => this.#callback(answer));
    this.#ended(answer.code, error, error.reason);
  }

  #answer(send: () => void): void {
    this.#isAnswered = true;
    this.#timer?.cancel();
    try {
      send();
    } catch (error) {
      this.#broken(error, "answer could not be sent");
    }
  }

  /** Nobody is above these frames but the process: what breaks for one call must not end all others. */
  #broken(error: unknown, message: string): void {
    const { correlationId, logger } = this.#context;
    logger.error({ correlationId, err: error }, message);
  }

  #ended(code: status, error: StatusError | undefined, reason: Reason | undefined): void {
    const { clock, registry, observers } = this.#around;
    registry.remove(this);
    const outcome = {
      context: this.#context,
      code,
      reason,
      durationMs: clock.now() - this.#startedAt,
      mayHaveExecuted: error?.details.mayHaveExecuted === true,
      error,
    };
    for (const observer of observers) {
      try {
        observer.callEnded(outcome);
      } catch (failure) {
        this.#broken(failure, "observer failed");
      }
    }
    this.#wipeWhenOver();
  }

  /** grpc-js raises `cancelled` at the end of every call; before the answer it means that the caller is gone. */
  #close(): void {
    this.#isClosed = true;
    if (this.#isAnswered) {
      this.#wipeWhenOver();
      return;
    }
    // A caller whose time is over resets its stream too; its clock and ours need not agree to the millisecond.
    const end = this.#isAtCallersDeadline() ? "deadline" : "cancelled";
    this.#isAnswered = true;
    this.#timer?.cancel();
    this.#endLifetime(end);
    const error = callEndedStatus(this.#context);
    // Nobody is left to be told a reason.
    this.#ended(error.code, error, undefined);
  }

  /** A handler that still runs may still read the request: wiped under its hands, zeros would become a key. */
  #wipeWhenOver(): void {
    if (!this.#isClosed || !this.#isSettled) return;
    wipe(this.#call.request);
    wipe(this.#message);
    this.#message = undefined;
  }
}
