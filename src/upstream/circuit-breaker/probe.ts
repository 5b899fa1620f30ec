import type { Clock } from "../../platform/clock.ts";
import { outcomeOfError, outcomeOfResponse } from "./outcome.ts";
import type { Evidence } from "./outcome.ts";
import { UpstreamError } from "../error.ts";
import { callEndedError } from "../error.ts";
import type { Send, UpstreamRequest, UpstreamResponse } from "../layer.ts";

/** What a probe works with. */
export interface ProbeOptions {
  readonly clock: Clock;
  /** Without an answer after this many milliseconds the probe has failed. */
  readonly probeMs: number;
  /** Ends the probe when the gateway goes; nothing else does. */
  readonly probeAbort: AbortSignal;
  /** To be told once how the probe went. */
  readonly decide: (hasFailed: boolean) => Promise<void>;
}

const ignore = (): void => {};

/** Calls back when the connection is free that a failed exchange had. */
async function onFreed(error: unknown, callback: () => void): Promise<void> {
  if (error instanceof UpstreamError) await error.connectionFreed;
  callback();
}

/**
 * Sends a request as the probe of a half-open circuit.
 *
 * The exchange is detached from its caller: a caller that cancels is answered at once, but what its request tells about
 * the upstream is still found out. Whatever is not an answer fails the probe, even what says nothing about the upstream: a
 * circuit must neither close without an answer nor stay half-open for want of one. An exchange that outlasts `probeMs` is
 * not cut off; it lasts as long as an attempt may, and its caller gets the answer.
 */
export function sendProbe(
  next: Send,
  request: UpstreamRequest,
  { clock, probeMs, probeAbort, decide }: ProbeOptions,
): Promise<UpstreamResponse> {
  const { call } = request;
  const startedAt = clock.now();
  // Whoever made the request wipes its body as soon as the caller is answered.
  const body = request.body === undefined ? undefined : Buffer.from(request.body);
  const detached: UpstreamRequest = {
    ...request,
    body,
    call: { ...call, signal: probeAbort, deadline: Number.POSITIVE_INFINITY },
  };

  return new Promise((resolve, reject) => {
    let isWaiting = true;
    let free: () => void = ignore;
    const leave = (): void => {
      isWaiting = false;
      const freed = new Promise<void>((settle) => {
        free = settle;
      });
      reject(callEndedError(call.signal, { sent: true, connectionFreed: freed }));
    };
    call.signal.addEventListener("abort", leave, { once: true });
    const timer = clock.after(probeMs, () => void decide(true));
    const finish = async (evidence: Evidence): Promise<void> => {
      timer.cancel();
      body?.fill(0);
      await decide(evidence !== "answered");
      call.signal.removeEventListener("abort", leave);
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
