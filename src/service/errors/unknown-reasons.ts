import type { CallObserver } from "../../grpc/call/call-observer.ts";
import { StatusError } from "../../grpc/status/status-error.ts";
import { KeyProtectError } from "../../keyprotect/error.ts";
import { isKnownReason } from "./to-status-error.ts";

/** Watches how calls end, and tells of every reason code of Key Protect that the mapping does not know. */
export const observeUnknownReasons = (onUnknownReason: () => void): CallObserver => ({
  callEnded({ error }) {
    const cause = error instanceof StatusError ? error.cause : undefined;
    if (!(cause instanceof KeyProtectError)) return;
    for (const { code } of cause.reasons) if (!isKnownReason(code)) onUnknownReason();
  },
});
