/** Observers are notified of the start and the end of calls, outside all interceptors. */
import type { status } from "@grpc/grpc-js";
import type { Rpc } from "../../rpc-table.ts";
import type { Reason } from "../status/status-error.ts";
import type { CallContext } from "./call-context.ts";

/** How a call ended. */
export interface CallOutcome {
  /** The call's context, with caller and instance as far as interceptors resolved them. */
  readonly context: CallContext;
  /**
   * The status that was sent; `CANCELLED` or `DEADLINE_EXCEEDED` if the caller was gone before the
   * answer.
   */
  readonly code: status;
  /** `undefined` for success and if the caller was gone. */
  readonly reason: Reason | undefined;
  /** From the arrival to the answer, in milliseconds. */
  readonly durationMs: number;
  /** Whether the change that the call asked for may have happened although the call failed. */
  readonly mayHaveExecuted: boolean;
  /** The error behind the status; `undefined` for success. */
  readonly error: unknown;
}

/** How one item of a call with many items ended. */
export interface ItemOutcome {
  /** The context of the call, whose `rpc` is that of the call. */
  readonly context: CallContext;
  readonly code: status;
  /** The error behind the status; `undefined` for success. */
  readonly error: unknown;
}

/**
 * Observes calls. Each call whose handler grpc-js invoked starts and ends exactly once, also if an
 * interceptor, the deadline or a shutdown answers it.
 */
export interface CallObserver {
  callStarted?(rpc: Rpc): void;
  callEnded?(outcome: CallOutcome): void;
  /** Notified after `callEnded`, of calls alone that did not succeed. */
  callFailed?(outcome: CallOutcome): void;
  /** Notified of each item of a call with many items, before the call ends. */
  itemEnded?(outcome: ItemOutcome): void;
}
