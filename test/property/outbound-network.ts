/** A simulated Key Protect behind a pool, driven by a schedule, with a record of its requests. */
import type { Dispatcher } from "undici";
import { systemClock } from "../../src/platform/clock.ts";
import type { UpstreamCall, UpstreamResponse } from "../../src/upstream/layer.ts";
import type { Dispatch } from "../../src/upstream/transport/pool.ts";
import type { PlannedExchange } from "./outbound-plan.ts";

/** The record of one call. */
export interface NetworkCall {
  readonly call: UpstreamCall;
  /** Requests written. */
  written: number;
  /** Requests that were, or may have been, executed. */
  executed: number;
  /** Requests that were answered 429. */
  throttled: number;
}

export interface Network extends Dispatch {
  readonly underWay: number;
  /** The most exchanges at a time. */
  readonly mostUnderWay: number;
  /** Requests written. */
  readonly written: number;
  /** Requests that outlived their callers, as probes do, and were not written. */
  readonly unwrittenAfterEnd: number;
}

export interface NetworkOptions {
  readonly exchanges: readonly PlannedExchange[];
  readonly callOf: (correlationId: string) => NetworkCall;
  /** Whether a request that begins now is the probe of a circuit. */
  readonly isProbe: (call: UpstreamCall) => boolean;
  /** Called with a description of each violation. */
  readonly onBreach: (text: string) => void;
}

const success: PlannedExchange = { kind: "answer", status: 200, afterMs: 1 };

/** The body of a proxy's page. Key Protect's own bodies are JSON. */
const page = Buffer.from("<html>");

/** Whether a response is Key Protect's own. */
export const isOwnError = ({ body }: UpstreamResponse): boolean => !body.equals(page);

/** Exchanges after which the request was, or may have been, executed. */
const isExecutedBy = (status: number): boolean => [200, 500, 502, 503, 504].includes(status);

const broken = (code: string): Error => Object.assign(new Error(code), { code });

/**
 * Creates the network. It accepts any number of connections, so that the limit is the pipeline's.
 */
export function createNetwork(options: NetworkOptions): Network {
  const { callOf, isProbe, onBreach } = options;
  const planned = [...options.exchanges];
  let written = 0;
  let unwrittenAfterEnd = 0;
  let underWay = 0;
  let mostUnderWay = 0;

  function run(
    plan: PlannedExchange,
    asked: NetworkCall,
    isDetached: boolean,
    handler: Dispatcher.DispatchHandler,
  ): void {
    const { signal } = asked.call;
    let isOver = false;
    let isWritten = false;
    const end = (tell: () => void): void => {
      if (isOver) return;
      isOver = true;
      underWay -= 1;
      if (isDetached && !isWritten && signal.aborted) unwrittenAfterEnd += 1;
      tell();
    };
    const abort = (reason: Error): void => {
      // Synchronously, as undici does.
      end(() => handler.onResponseError?.(controller, reason));
    };
    const controller: Dispatcher.DispatchController = {
      aborted: false,
      paused: false,
      reason: null,
      abort,
      pause: () => undefined,
      resume: () => undefined,
    };
    const fail = (error: Error): void => end(() => handler.onResponseError?.(controller, error));
    const write = (): boolean => {
      try {
        handler.onRequestStart?.(controller, {});
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
        return false;
      }
      if (signal.aborted && !isDetached) onBreach("written for a call that had ended");
      isWritten = true;
      written += 1;
      asked.written += 1;
      return true;
    };
    const begin = (status: number, headers: Record<string, string>): void =>
      handler.onResponseStart?.(controller, status, headers, "");
    const answer = (status: number, headers: Record<string, string>, body?: Buffer): void =>
      end(() => {
        if (status === 429) asked.throttled += 1;
        begin(status, headers);
        if (body !== undefined) handler.onResponseData?.(controller, Buffer.from(body));
        handler.onResponseEnd?.(controller, {});
      });

    switch (plan.kind) {
      case "refuse":
        setTimeout(() => fail(broken("ECONNREFUSED")), plan.afterMs);
        return;
      case "slowConnect":
        setTimeout(() => {
          if (!write()) return;
          asked.executed += 1;
          answer(200, {});
        }, plan.afterMs);
        return;
      case "hang":
        if (write()) asked.executed += 1;
        return;
      case "reset":
      case "stall":
      case "oversize":
        if (!write()) return;
        asked.executed += 1;
        setTimeout(() => {
          if (isOver) return;
          if (plan.kind === "reset") fail(broken("ECONNRESET"));
          else if (plan.kind === "stall") begin(plan.status, {});
          else begin(200, { "content-length": "1000000" });
        }, plan.afterMs);
        return;
      case "answer":
      case "page": {
        if (!write()) return;
        const { status, retryAfter } = plan;
        const isExecuted = plan.kind === "page" ? plan.isExecuted : isExecutedBy(status);
        if (isExecuted) asked.executed += 1;
        const headers = retryAfter === undefined ? {} : { "retry-after": retryAfter };
        const body = plan.kind === "page" ? page : undefined;
        setTimeout(() => answer(status, headers, body), plan.afterMs);
      }
    }
  }

  return {
    dispatch({ headers }, handler) {
      const id = headers !== null && typeof headers === "object" && "correlation-id" in headers;
      const asked = callOf(id ? String(headers["correlation-id"]) : "");
      const { call } = asked;
      if (call.signal.aborted) onBreach("begun for a call that had ended");
      if (systemClock.now() > call.deadline) onBreach("begun after the deadline");
      underWay += 1;
      mostUnderWay = Math.max(mostUnderWay, underWay);
      run(planned.shift() ?? success, asked, isProbe(call), handler);
      return true;
    },
    get underWay() {
      return underWay;
    },
    get mostUnderWay() {
      return mostUnderWay;
    },
    get written() {
      return written;
    },
    get unwrittenAfterEnd() {
      return unwrittenAfterEnd;
    },
  };
}
