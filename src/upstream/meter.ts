/** The events that the outbound pipeline counts, and the guard around the listener that counts. */
import type { Logger } from "pino";
import type { PriorityClass } from "../rpc-table.ts";
import type { OperationClass } from "./circuit-breaker/breakers.ts";
import type { UpstreamErrorCode } from "./error.ts";
import type { ShedReason } from "./rate-limit/queue/rejections.ts";
import type { RetryKind } from "./retry/retry-policy.ts";

/**
 * How a request or an attempt ended: the class of its HTTP status, the code of its `UpstreamError`,
 * or `DEFECT` for a bug in the gateway. 429 has a value of its own because it is about the rate of
 * all requests, not about the one that it answers.
 */
export type UpstreamOutcome = "2xx" | "3xx" | "4xx" | "429" | "5xx" | UpstreamErrorCode | "DEFECT";

/** The outcome of a response with this HTTP status. */
export function outcomeOfStatus(status: number): UpstreamOutcome {
  if (status === 429) return "429";
  if (status < 300) return "2xx";
  if (status < 400) return "3xx";
  return status < 500 ? "4xx" : "5xx";
}

/**
 * An event of the outbound pipeline. `operation` is the name of an RPC. A request is what a call
 * sends into the pipeline; an attempt is one HTTP exchange that it leads to.
 */
export type UpstreamEvent =
  /** A request entered the pipeline. */
  | { readonly kind: "requestStarted" }
  /** A request left the pipeline, `seconds` after it entered. */
  | {
      readonly kind: "requestEnded";
      readonly operation: string;
      readonly outcome: UpstreamOutcome;
      readonly seconds: number;
    }
  /** A request joined an identical one and is not sent itself. */
  | { readonly kind: "requestShared"; readonly operation: string }
  /** An attempt beyond the first is about to be made. */
  | {
      readonly kind: "retried";
      readonly operation: string;
      readonly retry: Exclude<RetryKind, "none">;
    }
  /** An attempt got its permit after `waitMs` milliseconds; 0 if it did not wait. */
  | {
      readonly kind: "attemptGranted";
      readonly priority: PriorityClass;
      readonly waitMs: number;
    }
  /** An attempt left the queue, or was not let in, without a permit. */
  | {
      readonly kind: "attemptShed";
      readonly reason: ShedReason;
      readonly priority: PriorityClass;
    }
  /** An HTTP exchange ended. */
  | {
      readonly kind: "attemptEnded";
      readonly operation: string;
      readonly outcome: UpstreamOutcome;
    }
  /** A connection was set up, TLS included. */
  | { readonly kind: "connectionOpened" }
  /** A connection could not be set up. */
  | { readonly kind: "connectionFailed" };

/** A circuit of a host, which several instances may share, opened: anew or after a failed probe. */
export interface HostEvent {
  readonly kind: "circuitOpened";
  readonly circuit: OperationClass;
}

/** Receives the events of a pipeline. Called once per event, in the order in which they happen. */
export type Emit = (event: UpstreamEvent) => void;

/** Receives events and does nothing: the default where nothing is counted. */
export const ignoreEvents = (): void => {};

/**
 * Wraps a listener so that it never throws: calls are answered even if they cannot be counted. An
 * exception is logged at level error.
 */
export const guardEmit =
  <Event extends UpstreamEvent | HostEvent>(
    emit: (event: Event) => void,
    logger: Pick<Logger, "error">,
  ): ((event: Event) => void) =>
  (event) => {
    try {
      emit(event);
    } catch (error) {
      logger.error({ err: error }, "a metric could not be counted");
    }
  };
