import type { CallContext } from "../../grpc/call/call-context.ts";
import { callEnd } from "../../platform/call-signal.ts";
import type { Clock, Timer } from "../../platform/clock.ts";

/** How long an exchange goes on after its call's deadline or cancellation, in milliseconds. */
const gracePeriodMs = 5_000;

/**
 * Runs `work` with a signal of its own. If the call ends after something was sent, the work goes on
 * for up to 5 s, so that a retry with the same request ID finds the outcome instead of
 * `OUTCOME_UNKNOWN`. If nothing was sent yet, the work ends with the call. A shutdown ends it at
 * once in both cases.
 */
export async function withGracePeriod<T>(
  context: CallContext,
  clock: Pick<Clock, "after">,
  work: (context: CallContext) => Promise<T>,
): Promise<T> {
  const { signal, attemptLog } = context;
  if (signal.aborted) return work(context);
  const controller = new AbortController();
  const end = (): void => controller.abort(signal.reason);
  let timer: Timer | undefined;
  const callEnded = (): void => {
    if (attemptLog.attempts === 0 || callEnd(signal) === "shutdown") end();
    else timer = clock.after(gracePeriodMs, end);
  };
  signal.addEventListener("abort", callEnded, { once: true });
  try {
    return await work({ ...context, signal: controller.signal });
  } finally {
    timer?.cancel();
    signal.removeEventListener("abort", callEnded);
  }
}
