import { CallEnded } from "../../platform/call-signal.ts";
import type { Clock } from "../../platform/clock.ts";
import { UpstreamError } from "../error.ts";
import type { Layer, UpstreamCall, UpstreamResponse } from "../layer.ts";
import { createCircuit } from "./opossum-circuit.ts";
import type { CircuitListeners, CircuitSettings, CircuitState } from "./opossum-circuit.ts";
import { outcomeOfError, outcomeOfResponse } from "./outcome.ts";
import { sendProbe } from "./probe.ts";

/** Settings and listeners of one circuit breaker. */
export interface CircuitBreakerOptions extends CircuitListeners {
  /** Names the protected part of the upstream, such as `https://eu-de.kms.cloud.ibm.com|data`. */
  readonly name: string;
  readonly settings: CircuitSettings;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** The part of a call that decides whether it may be the probe. */
type Candidate = { readonly rpc: Pick<UpstreamCall["rpc"], "retry"> };

/** Stops sending to an upstream that fails. */
export interface CircuitBreaker extends Disposable {
  /**
   * The error with which the call would be rejected now: `CIRCUIT_OPEN` with `retryAfterMs`.
   * `undefined` if the call would be sent. Changes nothing.
   */
  rejectionOf(call?: Candidate): UpstreamError | undefined;
  /**
   * Rejects a call as `layer` would, before it takes a place in the queue, a token and a permit. It
   * lies outside the retries.
   */
  readonly rejectIfOpen: Layer;
  /**
   * Belongs around the exchange alone. While the circuit is open it rejects with `CIRCUIT_OPEN`,
   * `sent: false`, and does not call the next layer.
   */
  readonly layer: Layer;
  /** The error for a call that was waiting when the circuit opened. */
  rejection(): UpstreamError;
  readonly state: CircuitState;
  /** Milliseconds until the circuit lets a call through; 0 if it does so now. */
  readonly retryInMs: number;
  /** Ends a probe in progress and all timers. Later requests are sent and not counted. */
  [Symbol.dispose](): void;
}

/** Creates a circuit breaker whose circuit is closed. */
export function createCircuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const { name, settings, clock, random } = options;
  const circuit = createCircuit(options);
  let probeAbort = new AbortController();
  let probeDeadline = 0;

  /**
   * Milliseconds until the call may be sent. A probe may be lost. So a request that must not be
   * executed twice is a probe only if no other request came for a second reset period.
   */
  const waitMs = (call: Candidate | undefined): number => {
    if (circuit.state === "closed") return 0;
    const now = clock.now();
    if (circuit.state === "open") return Math.max(1, circuit.halfOpenAt - now);
    if (!circuit.wantsProbe) return Math.max(1, probeDeadline - now);
    if (call === undefined || call.rpc.retry === "safe") return 0;
    return Math.max(0, circuit.halfOpenAt + circuit.openForMs - now);
  };

  const rejectionAfter = (ms: number): UpstreamError => {
    // With jitter, so that rejected callers do not all come back at the same moment.
    const jitterMs = random() * 0.2 * settings.resetMs;
    return new UpstreamError("CIRCUIT_OPEN", `the circuit ${name} is open`, {
      retryAfterMs: Math.ceil(ms + jitterMs),
    });
  };

  const rejectionOf = (call?: Candidate): UpstreamError | undefined => {
    const ms = waitMs(call);
    return ms === 0 ? undefined : rejectionAfter(ms);
  };

  const rejectIfOpen: Layer = (next) => (request) => {
    const rejection = circuit.state === "closed" ? undefined : rejectionOf(request.call);
    return rejection === undefined ? next(request) : Promise.reject(rejection);
  };

  const layer: Layer = (next) => async (request) => {
    const { call } = request;
    // The transport rejects such a call without sending it. It is not counted and cannot be a
    // probe.
    if (call.signal.aborted) return next(request);
    if (circuit.state !== "closed") {
      const rejection = rejectionOf(call);
      if (rejection !== undefined) throw rejection;
      probeAbort = new AbortController();
      probeDeadline = clock.now() + settings.probeMs;
      return sendProbe(next, request, {
        clock,
        probeMs: settings.probeMs,
        probeAbort: probeAbort.signal,
        decide: circuit.takeProbe(),
      });
    }
    const { generation } = circuit;
    const startedAt = clock.now();
    let response: UpstreamResponse;
    try {
      response = await next(request);
    } catch (error) {
      const ranMs = clock.now() - startedAt;
      const outcome = outcomeOfError(error, ranMs, call.rpc.attemptTimeoutMs);
      if (outcome !== "ignored") circuit.record(outcome, generation);
      throw error;
    }
    circuit.record(outcomeOfResponse(response), generation);
    return response;
  };

  return {
    rejectionOf,
    rejectIfOpen,
    layer,
    rejection: () => rejectionAfter(waitMs(undefined)),
    get state() {
      return circuit.state;
    },
    get retryInMs() {
      return waitMs(undefined);
    },
    [Symbol.dispose]() {
      circuit[Symbol.dispose]();
      probeAbort.abort(new CallEnded("shutdown"));
    },
  };
}
