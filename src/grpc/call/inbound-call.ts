import { Metadata, status, type sendUnaryData } from "@grpc/grpc-js";
import { CallEnded, type CallEnd, CallLifetime } from "../../platform/call-signal.ts";
import type { Timer } from "../../platform/clock.ts";
import {
  callEndedStatus,
  deadlineTooShortStatus,
  responseTooLargeStatus,
  shuttingDownStatus,
  statusErrorOf,
} from "../status/call-ended-status.ts";
import { sessionOf } from "../server/grpc-js.ts";
import { StatusError, type Reason } from "../status/status-error.ts";
import { withTrailers } from "../status/trailers.ts";
import type { ActiveCall } from "./active-calls.ts";
import { createCallContext, type MutableCallContext, type SourceCall } from "./call-context.ts";
import { correlationKey } from "./correlation-id.ts";
import { remainingMs } from "./deadline.ts";
import type { UnaryMethod } from "./unary-method.ts";
import { discard, zeroize } from "./zeroize.ts";

/** With less than this left, in milliseconds, the caller's own deadline counts as passed. */
const deadlineToleranceMs = 5;

/**
 * One call from its arrival until its last byte is zeroed. Three events happen once each, in any
 * order: the call is answered (a status is decided and sent), its handler settles, and it closes
 * (grpc-js is done with it: after every answer, or when the caller is gone). The handler, the
 * deadline, a shutdown or the caller answers it; whichever is first wins and the others have no
 * effect. When the call is closed and its handler has settled, request and message are zeroed.
 */
export class InboundCall<Req, Res> implements ActiveCall {
  /** Position in the list of active calls. */
  index: number | undefined;
  /** The RPC with its handler and dependencies. */
  readonly #method: UnaryMethod<Req, Res>;
  /** The call of grpc-js: source of request, metadata and `cancelled`; sends the headers. */
  readonly #call: SourceCall<Req>;
  /** Sends message and status. Called at most once. */
  readonly #callback: sendUnaryData<Buffer>;
  /** Created on arrival, completed by the interceptors. */
  readonly #context: MutableCallContext;
  /** The `signal` of the context, with the means to abort it. */
  readonly #lifetime = new CallLifetime();
  /** Arrival, in milliseconds of the monotonic clock. */
  readonly #startedAt: number;
  /** Time from the arrival until the caller's own deadline, in milliseconds. */
  readonly #remainingMs: number;
  /** Fires at the deadline of the context. `undefined` for a call that is rejected on arrival. */
  #timer: Timer | undefined;
  /** A status was decided: it has been sent, or the caller is gone. */
  #isAnswered = false;
  /** The handler has settled or was never started: it no longer reads the request. */
  #isSettled = false;
  /** grpc-js has raised `cancelled`: it no longer reads the message. */
  #isClosed = false;
  /** The encoded response, to be zeroed. */
  #message: Buffer | undefined;

  constructor(
    method: UnaryMethod<Req, Res>,
    call: SourceCall<Req>,
    callback: sendUnaryData<Buffer>,
  ) {
    this.#method = method;
    this.#call = call;
    this.#callback = callback;
    this.#startedAt = method.clock.now();
    this.#remainingMs = remainingMs(call.getDeadline(), method.clock.wallNow());
    this.#context = createCallContext(method, method.rpc, call, this.#remainingMs, this.#lifetime);
  }

  /** Runs the handler and answers the call, or rejects it. Called once; never rejects. */
  async run(): Promise<void> {
    const { rpc, handler, clock, activeCalls, deadlines, observers } = this.#method;
    for (const observer of observers) {
      try {
        observer.callStarted?.(rpc);
      } catch (error) {
        this.#logError(error, "observer failed");
      }
    }
    this.#call.on("cancelled", () => this.#close());
    const allowedMs = this.#context.deadline - this.#startedAt;
    const { isRefusing } = activeCalls;
    if (isRefusing || allowedMs <= 0) {
      this.#isSettled = true;
      this.#answer(
        isRefusing ? shuttingDownStatus() : deadlineTooShortStatus(deadlines.leastMarginMs),
      );
      return;
    }
    activeCalls.add(this);
    this.#timer = clock.after(allowedMs, () => this.end("deadline"));
    let response: Res;
    try {
      response = await handler(this.#call.request, this.#context);
    } catch (error) {
      this.#failed(error);
      return;
    }
    this.#succeeded(response);
  }

  end(end: CallEnd): void {
    if (this.#isAnswered || this.#lifetime.aborted) return;
    this.#abort(end);
    if (this.#isAtCallersDeadline()) {
      // The event loop was blocked. In the next turn grpc-js would answer, without details.
      this.#answerEnded();
    } else {
      // The handler's reaction to the abort is the better answer; it has until the next turn.
      setImmediate(() => this.#answerEnded());
    }
  }

  /** Aborts the signal of the context. Only the first end counts. */
  #abort(end: CallEnd): void {
    this.#lifetime.end(new CallEnded(end), (error) => this.#logError(error, "listener failed"));
  }

  #isAtCallersDeadline(): boolean {
    const elapsedMs = this.#method.clock.now() - this.#startedAt;
    return this.#remainingMs - elapsedMs < deadlineToleranceMs;
  }

  #answerEnded(): void {
    if (!this.#isAnswered) this.#answer(callEndedStatus(this.#context));
  }

  #succeeded(response: Res): void {
    this.#isSettled = true;
    if (this.#isAnswered) {
      zeroize(response);
      const { correlationId, logger, rpc } = this.#context;
      // The caller was told that the change may have happened; now it is known that it has.
      if (rpc.retry !== "safe") {
        const method = rpc.path.slice(1);
        logger.warn({ method, correlationId }, "succeeded after it was answered");
      }
      this.#zeroizeWhenDone();
      return;
    }
    const { encode, maxSendBytes, rpc } = this.#method;
    let answer: Buffer | StatusError;
    try {
      answer = encode(response);
      this.#message = answer;
      const { length } = answer;
      if (length > maxSendBytes) answer = responseTooLargeStatus(length, maxSendBytes, rpc);
    } catch (error) {
      answer = statusErrorOf(error, this.#context);
    } finally {
      zeroize(response);
    }
    this.#answer(answer);
  }

  #failed(error: unknown): void {
    this.#isSettled = true;
    if (!this.#isAnswered) return this.#answer(statusErrorOf(error, this.#context));
    if (!(error instanceof StatusError || error instanceof CallEnded)) {
      this.#logError(error, "handler failed after its call was answered");
    }
    this.#zeroizeWhenDone();
  }

  /** Sends an encoded response or an error. Called at most once. */
  #answer(answer: Buffer | StatusError): void {
    // An answer to a connection that is over would be lost, but logged as sent.
    const session = sessionOf(this.#call);
    if (session && this.#method.isSessionOver?.(session) === true) return this.#close();
    this.#isAnswered = true;
    this.#timer?.cancel();
    const { correlationId, rpc, attemptLog } = this.#context;
    const failure = answer instanceof StatusError ? answer : undefined;
    let code = status.OK;
    try {
      if (answer instanceof StatusError) {
        const { attempts, httpStatus, progress } = attemptLog;
        const facts = { correlationId, method: rpc.path.slice(1), attempts, httpStatus, progress };
        const encoded = withTrailers(answer, facts);
        ({ code } = encoded);
        this.#callback(encoded);
      } else {
        const metadata = new Metadata();
        metadata.set(correlationKey, correlationId);
        // After headers a client no longer retries, so they are sent only with the message.
        this.#call.sendMetadata(metadata);
        this.#callback(null, answer, metadata);
      }
    } catch (error) {
      this.#logError(error, "answer could not be sent");
    }
    this.#ended(code, failure, failure?.reason);
  }

  /** Above these frames there is only the process: an error of one call must not end the others. */
  #logError(error: unknown, message: string): void {
    const { correlationId, logger } = this.#context;
    logger.error({ correlationId, err: error }, message);
  }

  /** Removes the call from the active ones and notifies the observers. Called once. */
  #ended(code: status, error: StatusError | undefined, reason: Reason | undefined): void {
    const { clock, activeCalls, observers } = this.#method;
    activeCalls.remove(this);
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
        observer.callEnded?.(outcome);
        if (error !== undefined) observer.callFailed?.(outcome);
      } catch (failure) {
        this.#logError(failure, "observer failed");
      }
    }
    this.#zeroizeWhenDone();
  }

  /** grpc-js raises `cancelled` when a call ends; before the answer it means the caller is gone. */
  #close(): void {
    this.#isClosed = true;
    if (this.#isAnswered) {
      this.#zeroizeWhenDone();
      return;
    }
    // A caller whose deadline passes resets its stream too; its clock may differ by some ms.
    const end = this.#isAtCallersDeadline() ? "deadline" : "cancelled";
    this.#isAnswered = true;
    this.#timer?.cancel();
    this.#abort(end);
    const error = callEndedStatus(this.#context);
    // No caller receives a reason, so none is reported.
    this.#ended(error.code, error, undefined);
  }

  /** A running handler may still read the request; zeros in it could become a key's material. */
  #zeroizeWhenDone(): void {
    if (!this.#isClosed || !this.#isSettled) return;
    zeroize(this.#call.request);
    if (this.#message !== undefined) discard(this.#message);
    this.#message = undefined;
  }
}
