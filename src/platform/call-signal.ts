/**
 * The signal that ends a call's work. It replaces `AbortSignal`: the gateway makes one signal per
 * call, and on Node 20 an `AbortController` with two listeners costs more than the rest of a call's
 * bookkeeping. It creates an event target, weak references and entries for the garbage collector
 * that a call which ends normally never needs.
 */

/** Called when a call ends. An object needs no closure. */
export type CallSignalListener = (() => void) | { handleEvent(): void };

/**
 * Signals that a call has to end. It is the part of `AbortSignal` that the gateway uses, so every
 * `AbortSignal` is a `CallSignal`.
 */
export interface CallSignal {
  readonly aborted: boolean;
  /** A `CallEnded` if the gateway itself ended the call; `undefined` before the end. */
  readonly reason: unknown;
  /**
   * Adds a listener; adding it twice counts once. A listener added after the end is never called,
   * so check `aborted` first.
   */
  addEventListener(type: "abort", listener: CallSignalListener, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: CallSignalListener): void;
}

/**
 * Rethrows an error as an uncaught exception, as `AbortSignal` does with errors of its listeners.
 */
const rethrowLater = (error: unknown): void =>
  queueMicrotask(() => {
    throw error;
  });

/** The signal of one call, with the method that ends the call. */
export class CallLifetime implements CallSignal {
  #isEnded = false;
  #reason: unknown = undefined;
  /** A signal fires once, so `once` needs no bookkeeping. */
  #listeners: CallSignalListener[] = [];

  get aborted(): boolean {
    return this.#isEnded;
  }

  get reason(): unknown {
    return this.#reason;
  }

  addEventListener(_type: "abort", listener: CallSignalListener): void {
    if (!this.#isEnded && !this.#listeners.includes(listener)) this.#listeners.push(listener);
  }

  removeEventListener(_type: "abort", listener: CallSignalListener): void {
    const at = this.#listeners.indexOf(listener);
    if (at >= 0) this.#listeners.splice(at, 1);
  }

  /**
   * Ends the call and calls all listeners in the order in which they were added. Later calls do
   * nothing. A listener that another one removes is not called. An error that a listener throws
   * goes to `onFault`, by default to the process as an uncaught exception; the other listeners are
   * still called.
   */
  end(reason: unknown, onFault: (error: unknown) => void = rethrowLater): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#reason = reason;
    for (let next = this.#listeners.shift(); next !== undefined; next = this.#listeners.shift()) {
      try {
        if (typeof next === "function") next();
        else next.handleEvent();
      } catch (error) {
        onFault(error);
      }
    }
  }
}

/** Why a call ended early. */
export type CallEnd = "cancelled" | "deadline" | "shutdown";

/**
 * The reason of a call's signal: the caller cancelled, the call's deadline passed, or the gateway
 * is shutting down and its grace period is over.
 */
export class CallEnded extends Error {
  override readonly name = "CallEnded";
  readonly end: CallEnd;

  constructor(end: CallEnd) {
    super(`the call ended: ${end}`);
    this.end = end;
  }
}

/**
 * Returns how a call ended, from its signal. A reason other than `CallEnded` counts as cancelled.
 */
export function callEnd(signal: Pick<CallSignal, "reason">): CallEnd {
  return signal.reason instanceof CallEnded ? signal.reason.end : "cancelled";
}
