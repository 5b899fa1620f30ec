/**
 * How a call's end reaches those who work for the call. The inbound side makes one signal per call, and on Node 20 an
 * `AbortController` with two listeners that come and go costs more than all the rest of a call's bookkeeping: an event
 * target, weak references and entries for the garbage collector that a call without an end never needs.
 */

/** Told when a call ends. An object costs no closure. */
export type CallSignalListener = (() => void) | { handleEvent(): void };

/** Tells that a call has to end: the part of an `AbortSignal` that is used here, so that each of those is one too. */
export interface CallSignal {
  readonly aborted: boolean;
  /** Why; a `CallEnded` where the gateway itself ends the call, `undefined` before. */
  readonly reason: unknown;
  /** Whoever is added after the end is not told: `aborted` has to be asked first. Adding somebody twice counts once. */
  addEventListener(type: "abort", listener: CallSignalListener, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: CallSignalListener): void;
}

/** As an `AbortSignal` does with what its listeners throw: nobody above could make anything of it. */
const rethrowLater = (error: unknown): void =>
  queueMicrotask(() => {
    throw error;
  });

/** The signal of one call, in the hands of whoever may end the call. */
export class CallLifetime implements CallSignal {
  #isEnded = false;
  #reason: unknown = undefined;
  /** Nobody is told twice, since there is one end; so it need not be kept who wants to be told but once. */
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
   * Ends the call, once, and tells everybody who listens, in the order in which they were added; who is removed meanwhile
   * is not told. What a listener throws goes to `onFault`, by default to the process as an uncaught exception, and keeps
   * nobody else from being told.
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

/** Why a call has to end before its work is done. The `reason` of every call's signal is a `CallEnded`. */
export type CallEnd = "cancelled" | "deadline" | "shutdown";

/**
 * The reason of a call's signal: the caller cancelled, the time the gateway may take is over, or the gateway is
 * shutting down and its grace period is over.
 */
export class CallEnded extends Error {
  override readonly name = "CallEnded";
  readonly end: CallEnd;

  constructor(end: CallEnd) {
    super(`the call ended: ${end}`);
    this.end = end;
  }
}

/** Which way a call ended, from the reason of its signal. Anything but a `CallEnded` counts as a cancellation. */
export function callEnd(signal: Pick<CallSignal, "reason">): CallEnd {
  return signal.reason instanceof CallEnded ? signal.reason.end : "cancelled";
}
