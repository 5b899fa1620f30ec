import type { status } from "@grpc/grpc-js";
import type { Rpc } from "../../rpc-table.ts";
import type { CallContext } from "./call-context.ts";
import type { Reason } from "../status/status-error.ts";

/** How a call ended. */
export interface CallOutcome {
  /** The context as the call began; who called and for which instance stands in its `attemptLog` once it is known. */
  readonly context: CallContext;
  /** The status that was sent, or `CANCELLED` or `DEADLINE_EXCEEDED` where the caller was gone before the answer. */
  readonly code: status;
  /** `undefined` for success and where there was nobody left to tell a reason. */
  readonly reason: Reason | undefined;
  readonly durationMs: number;
  /** Whether the change that the call asked for may have happened although the call failed. */
  readonly mayHaveExecuted: boolean;
  /** What was thrown; `undefined` for success. */
  readonly error: unknown;
}

/**
 * Watches calls from outside everything that can refuse them. Each call whose handler grpc-js invoked begins and ends
 * exactly once, whatever answered it.
 */
export interface CallObserver {
  callStarted?(rpc: Rpc): void;
  callEnded(outcome: CallOutcome): void;
}
