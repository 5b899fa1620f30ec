import { callEnd } from "../../platform/call-signal.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import type { CallContext } from "../../grpc/call/call-context.ts";

/** How long an exchange goes on after its caller's deadline or cancellation, in milliseconds. */
const afterlifeMs = 5_000;

/**
 * Lets `work` outlive its call for a while once something was sent: an answer that comes then makes known what a repeat of the request
 * would otherwise have to call unknown. What was not sent yet ends with the call, and a shutdown ends everything.
 */
export async function outlive<T>(
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
    else timer = clock.after(afterlifeMs, end);
  };
  signal.addEventListener("abort", callEnded, { once: true });
  try {
    return await work({ ...context, signal: controller.signal });
  } finally {
    timer?.cancel();
    signal.removeEventListener("abort", callEnded);
  }
}
