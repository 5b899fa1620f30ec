/** One upstream request that several calls wait for. */
import type { AttemptLog } from "../../platform/attempt-log.ts";
import { CallLifetime } from "../../platform/call-signal.ts";
import type { CallTrace } from "../../platform/tracing/call-trace.ts";
import { callEndedError, UpstreamError } from "../error.ts";
import type { UpstreamErrorCode } from "../error.ts";
import type { Send, Settle, UpstreamRequest, UpstreamResponse } from "../layer.ts";

/** Rejections that are about the call in whose name the request was sent, not about the request. */
const callSpecific: ReadonlySet<UpstreamErrorCode> = new Set([
  "CALLER_LIMIT",
  "DEADLINE_IN_QUEUE",
  "DEADLINE_TOO_SHORT",
  "THROTTLED",
  "UNAVAILABLE",
]);

/** Dependencies of a shared request. */
export interface SharedRequestOptions {
  readonly send: Send;
  /** Called once, when no further call may join. */
  readonly onClosed: () => void;
  /** Called when the request is written to a connection, for each attempt. Must not throw. */
  readonly onSent: (() => void) | undefined;
}

const withOwnBody = (response: UpstreamResponse): UpstreamResponse => ({
  ...response,
  body: Buffer.from(response.body),
});

/**
 * One upstream request that several calls wait for.
 *
 * It is sent in the name of the call that joined first, but does not end with that call: it is
 * cancelled when all its calls have ended. Each call gets its own copy of the body, because readers
 * zero their bodies.
 */
export class SharedRequest {
  /** The lifetime of the request. Stays unended if a response or an error settles the request. */
  readonly #lifetime = new CallLifetime();
  readonly #options: SharedRequestOptions;
  /** The calls that wait, in the order in which they joined. */
  readonly #waiting = new Set<WaitingCall>();
  readonly #attemptLog: AttemptLog = { attempts: 0, httpStatus: undefined };
  /** The call as the inner layers see it; they read its deadline anew at each step. */
  #call: { deadline: number; readonly trace?: CallTrace | undefined } | undefined;
  /** The latest deadline of the calls that joined. */
  #deadline = Number.NEGATIVE_INFINITY;

  constructor(options: SharedRequestOptions) {
    this.#options = options;
  }

  /** The trace of the call in whose name the request is sent, if that has one. */
  get trace(): CallTrace | undefined {
    return this.#call?.trace;
  }

  /** Adds a call whose signal has not been aborted. */
  join(request: UpstreamRequest, settle: Settle<UpstreamResponse>): void {
    this.#waiting.add(new WaitingCall(this, request, settle));
    this.#deadline = Math.max(this.#deadline, request.call.deadline);
    if (this.#call !== undefined) this.#call.deadline = this.#deadline;
  }

  /** Removes a call that ended. After the last one, the request ends for the same reason. */
  leave(call: WaitingCall): void {
    const { signal } = call.request.call;
    this.#waiting.delete(call);
    call
      .settle(this.#attemptLog)
      .reject(callEndedError(signal, { sent: this.#attemptLog.attempts > 0 }));
    if (this.#waiting.size > 0) return;
    this.#lifetime.end(signal.reason);
    this.#options.onClosed();
  }

  /** Sends the request. To be called once, after the first call has joined. Never rejects. */
  async start(): Promise<void> {
    for (const sender of this.#waiting) {
      const request = this.#requestOf(sender);
      try {
        this.#share(await this.#options.send(request), undefined);
      } catch (error) {
        // A rejection about the sender alone: the request is sent in the name of the next call.
        if (this.#isRejectedAlone(sender, error)) continue;
        this.#share(undefined, error);
      } finally {
        request.body?.fill(0);
      }
      return;
    }
  }

  #requestOf({ request }: WaitingCall): UpstreamRequest {
    const call = {
      ...request.call,
      signal: this.#lifetime,
      attemptLog: this.#attemptLog,
      deadline: this.#deadline,
    };
    this.#call = call;
    this.#attemptLog.sentAs = call.correlationId;
    // The sender zeroes its own body when its call ends, possibly before the shared request does.
    const body = request.body === undefined ? undefined : Buffer.from(request.body);
    return { ...request, body, call, onSent: this.#options.onSent };
  }

  /**
   * Whether the rejection is about the sender alone and other calls wait. Rejects the sender then.
   */
  #isRejectedAlone(sender: WaitingCall, error: unknown): boolean {
    if (!(error instanceof UpstreamError) || !callSpecific.has(error.code)) return false;
    if (this.#waiting.size === (this.#waiting.has(sender) ? 1 : 0)) return false;
    if (this.#waiting.delete(sender)) sender.settle(this.#attemptLog).reject(error);
    return true;
  }

  #share(response: UpstreamResponse | undefined, error: unknown): void {
    let left = this.#waiting.size;
    if (left === 0) {
      response?.body.fill(0);
      return;
    }
    this.#options.onClosed();
    for (const call of this.#waiting) {
      left -= 1;
      const { resolve, reject } = call.settle(this.#attemptLog);
      if (response === undefined) reject(error);
      else resolve(left === 0 ? response : withOwnBody(response));
    }
    this.#waiting.clear();
  }
}

/** One call that waits for a shared request; the listener on its signal. */
class WaitingCall {
  readonly #shared: SharedRequest;
  readonly #settle: Settle<UpstreamResponse>;
  readonly request: UpstreamRequest;

  constructor(shared: SharedRequest, request: UpstreamRequest, settle: Settle<UpstreamResponse>) {
    this.#shared = shared;
    this.#settle = settle;
    this.request = request;
    request.call.signal.addEventListener("abort", this);
  }

  /** The call ended: cancelled, past its deadline, or at shutdown. */
  handleEvent(): void {
    this.#shared.leave(this);
  }

  /**
   * Copies the shared attempt log into the call's own, and returns the call's promise functions.
   */
  settle(attemptLog: AttemptLog): Settle<UpstreamResponse> {
    const { call } = this.request;
    call.signal.removeEventListener("abort", this);
    call.attemptLog.attempts += attemptLog.attempts;
    call.attemptLog.httpStatus = attemptLog.httpStatus;
    if (attemptLog.sentAs !== call.correlationId) call.attemptLog.sentAs = attemptLog.sentAs;
    if (attemptLog.credential !== undefined) call.attemptLog.credential = attemptLog.credential;
    return this.#settle;
  }
}
