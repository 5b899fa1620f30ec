/** Items wait where a caller of single calls would come back later. */
import type { CallContext } from "../../grpc/call/call-context.ts";
import { callEndedStatus } from "../../grpc/status/call-ended-status.ts";
import { StatusError, type Reason } from "../../grpc/status/status-error.ts";
import type { Clock } from "../../platform/clock.ts";
import { sleep } from "../../platform/sleep.ts";

/** Whether a rejection is expected to pass, so that the item is tried again. */
export type IsPassing = (reason: Reason) => boolean;

/** Shortest time until an item is tried again, in milliseconds. */
const leastDelayMs = 10;

/**
 * Answers an item, and tries again after each rejection that is expected to pass, when the time in
 * its `RetryInfo` is over. It gives up when the deadline would pass before, and rejects with the
 * newest rejection.
 */
export async function waitUntilTaken<Res>(
  answer: () => Promise<Res>,
  isPassing: IsPassing,
  { signal, deadline, ...context }: CallContext,
  clock: Pick<Clock, "now" | "after">,
): Promise<Res> {
  for (;;) {
    try {
      return await answer();
    } catch (error) {
      const delayMs = delayOf(error, isPassing);
      if (delayMs === undefined || clock.now() + delayMs >= deadline) throw error;
      await sleep(delayMs, signal, clock);
      if (signal.aborted) throw callEndedStatus({ ...context, signal, deadline });
    }
  }
}

/** The time until the next try, in milliseconds; `undefined` for none. */
function delayOf(error: unknown, isPassing: IsPassing): number | undefined {
  if (!(error instanceof StatusError) || !isPassing(error.reason)) return undefined;
  const { retryDelayMs, mayHaveExecuted } = error.details;
  if (retryDelayMs === undefined || mayHaveExecuted === true) return undefined;
  return Math.max(retryDelayMs, leastDelayMs);
}
