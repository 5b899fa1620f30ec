import type { Clock } from "../../platform/clock.ts";
import { callEndedError, UpstreamError } from "../error.ts";
import type { Send, UpstreamRequest, UpstreamResponse } from "../layer.ts";
import { outcomeOfError, outcomeOfResponse, type Outcome } from "./outcome.ts";

/** Dependencies and limits of one probe. */
export interface ProbeOptions {
  readonly clock: Clock;
  /** The probe has failed if there is no response after this many milliseconds. */
  readonly probeMs: number;
  /** Ends the probe at shutdown. Nothing else ends it. */
  readonly probeAbort: AbortSignal;
  /** Called with the outcome of the probe; only the first call counts. */
  readonly decide: (outcome: "success" | "failure") => Promise<void>;
}

const ignore = (): void => {};

/** Calls back when the connection of a failed exchange is free. */
async function onFreed(error: unknown, callback: () => void): Promise<void> {
  if (error instanceof UpstreamError) await error.connectionFreed;
  callback();
}

/**
 * Sends a request as the probe of a half-open circuit.
 *
 * The exchange is detached from its caller. A caller that cancels is answered at once, and the
 * probe goes on. Everything but a response of a healthy host fails the probe, an ignored outcome
 * included: the circuit must neither close without a response nor stay half-open for lack of one.
 * An exchange that outlasts `probeMs` continues for the time of an attempt, and its caller gets the
 * response.
 */
export function sendProbe(
  next: Send,
  request: UpstreamRequest,
  { clock, probeMs, probeAbort, decide }: ProbeOptions,
): Promise<UpstreamResponse> {
  const { call } = request;
  const startedAt = clock.now();
  // The sender zeroes its body as soon as the caller is answered, so the probe has a copy.
  const body = request.body === undefined ? undefined : Buffer.from(request.body);
  const detached: UpstreamRequest = {
    ...request,
    body,
    call: { ...call, signal: probeAbort, deadline: Number.POSITIVE_INFINITY },
  };

  return new Promise((resolve, reject) => {
    let isWaiting = true;
    let free: () => void = ignore;
    const onCallEnd = (): void => {
      isWaiting = false;
      const connectionFreed = new Promise<void>((settle) => {
        free = settle;
      });
      reject(callEndedError(call.signal, { sent: true, connectionFreed }));
    };
    call.signal.addEventListener("abort", onCallEnd, { once: true });
    const timer = clock.after(probeMs, () => void decide("failure"));
    const finish = async (outcome: Outcome): Promise<void> => {
      timer.cancel();
      body?.fill(0);
      await decide(outcome === "success" ? "success" : "failure");
      call.signal.removeEventListener("abort", onCallEnd);
    };
    const run = async (): Promise<void> => {
      try {
        const response = await next(detached);
        await finish(outcomeOfResponse(response));
        if (isWaiting) resolve(response);
        else response.body.fill(0);
        free();
      } catch (error) {
        void onFreed(error, free);
        await finish(outcomeOfError(error, clock.now() - startedAt, call.rpc.attemptTimeoutMs));
        reject(error);
      }
    };
    void run();
  });
}
