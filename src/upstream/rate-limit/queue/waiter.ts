import type { UpstreamError } from "../../error.ts";
import type { UpstreamCall } from "../../layer.ts";
import type { Linked } from "./linked-list.ts";

/** How the wait of a call ends. */
export interface Settle {
  resolve(): void;
  reject(error: UpstreamError): void;
}

/** A waiting call. Listens to the call's signal itself, which saves a closure and a timer per call. */
export class Waiter implements Linked<Waiter> {
  previous: Waiter | undefined;
  next: Waiter | undefined;
  readonly call: UpstreamCall;
  /** When the wait began, in milliseconds of the monotonic clock. */
  readonly since: number;
  readonly #settle: Settle;
  readonly #onEnd: (waiter: Waiter) => void;

  /** `onEnd` is called when the call ends while it waits. */
  constructor(call: UpstreamCall, since: number, settle: Settle, onEnd: (waiter: Waiter) => void) {
    this.call = call;
    this.since = since;
    this.#settle = settle;
    this.#onEnd = onEnd;
    call.signal.addEventListener("abort", this, { once: true });
  }

  /** What the signal calls on a listener that is an object. */
  handleEvent(): void {
    this.#onEnd(this);
  }

  /** Ends the wait with a permit. */
  grant(): void {
    this.call.signal.removeEventListener("abort", this);
    this.#settle.resolve();
  }

  /** Ends the wait without one. */
  reject(error: UpstreamError): void {
    this.call.signal.removeEventListener("abort", this);
    this.#settle.reject(error);
  }
}
