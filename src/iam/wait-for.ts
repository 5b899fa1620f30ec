import { type CallEnd, callEnd } from "../call-ended.ts";
import type { CallSignal } from "../call-signal.ts";
import { UpstreamError, type UpstreamErrorCode } from "../upstream/error.ts";

const codes = {
  cancelled: "CANCELLED",
  deadline: "DEADLINE",
  shutdown: "SHUTDOWN",
} as const satisfies Record<CallEnd, UpstreamErrorCode>;

/** Waits for what is shared by many, but no longer than one call lasts. The shared work goes on without the call. */
export const waitFor = <T>(shared: Promise<T>, signal: CallSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const leave = (): void => {
      const code = codes[callEnd(signal)];
      reject(new UpstreamError(code, "the call ended while it waited for a token"));
    };
    if (signal.aborted) {
      leave();
      return;
    }
    signal.addEventListener("abort", leave, { once: true });
    void shared.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
