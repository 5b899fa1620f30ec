/** Counts calls. */
import type { status } from "@grpc/grpc-js";
import type { Rpc } from "../../rpc-table.ts";
import type { CallObserver } from "../call/call-observer.ts";
import type { Reason } from "../status/status-error.ts";

/** Receives the counts of calls. */
export interface CallMeter {
  callStarted(rpc: Rpc): void;
  /** Called once per started call; `reason` is `undefined` for success. */
  callHandled(rpc: Rpc, code: status, seconds: number, reason: Reason | undefined): void;
  /** The call failed, but the change it asked for may have happened. */
  callAmbiguous(rpc: Rpc): void;
}

/** Creates the observer that counts each call once, with its final status. */
export function createCallMetricsObserver(meter: CallMeter): CallObserver {
  return {
    callStarted: (rpc) => meter.callStarted(rpc),
    callEnded({ context, code, durationMs, reason, mayHaveExecuted }) {
      meter.callHandled(context.rpc, code, durationMs / 1_000, reason);
      if (mayHaveExecuted) meter.callAmbiguous(context.rpc);
    },
  };
}
