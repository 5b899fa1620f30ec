import type { CallObserver } from "../grpc/call-observer.ts";
import { StatusError } from "../grpc/status-error.ts";
import { KeyProtectError } from "../keyprotect/error.ts";
import type { Rpc } from "../rpc-table.ts";
import { isKnownReason } from "./map-error.ts";

/** Told of failures that somebody should look into. */
export interface FailureObserverDeps {
  /** Key Protect gave a reason code that the mapping does not know. */
  readonly onUnknownReason: () => void;
  /** A call failed, and whether its change has happened is not known. */
  readonly onAmbiguous: (rpc: Rpc) => void;
}

/** Watches how calls end for what the error mapping could not decide. */
export const createFailureObserver = (deps: FailureObserverDeps): CallObserver => ({
  callEnded({ context, error, mayHaveExecuted }) {
    if (mayHaveExecuted) deps.onAmbiguous(context.rpc);
    const cause = error instanceof StatusError ? error.cause : undefined;
    if (!(cause instanceof KeyProtectError)) return;
    for (const { code } of cause.reasons) if (!isKnownReason(code)) deps.onUnknownReason();
  },
});
