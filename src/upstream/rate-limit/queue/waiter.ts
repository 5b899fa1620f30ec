import type { UpstreamError } from "../../error.ts";
import type { Settle, UpstreamCall } from "../../layer.ts";
import type { Linked } from "./linked-list.ts";

/**
 * A call that waits for a permit. It is itself the listener on the call's signal, which saves a
 * closure and a timer per call.
 */
export class Waiter implements Linked<Waiter> {
  previous: Waiter | undefined;
  next: Waiter | undefined;
  readonly call: UpstreamCall;
  /** When the wait began, in milliseconds of the monotonic clock. */
  readonly since: number;
  readonly #settle: Settle<void>;
  readonly #onEnd: (waiter: Waiter) => void;

  /** `onEnd` is called when the call ends while it waits. */
  constructor(
    call: UpstreamCall,
    since: number,
    settle: Settle<void>,
    onEnd: (waiter: Waiter) => void,
  ) {
    this.call = call;
    this.since = since;
    this.#settle = settle;
    this.#onEnd = onEnd;
    call.signal.addEventListener("abort", this, { once: true });
  }

  /** Called by the signal: a listener may be an object. */
  handleEvent(): void {
    this.#onEnd(this);
  }

  /** Resolves the wait: the call has a permit. */
  grant(): void {
    this.call.signal.removeEventListener("abort", this);
    this.#settle.resolve();
  }

  /** Rejects the wait. */
  reject(error: UpstreamError): void {
    this.call.signal.removeEventListener("abort", this);
    this.#settle.reject(error);
  }
}
