import type { CallSignal } from "./call-signal.ts";

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
