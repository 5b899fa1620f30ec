import { CallEnded } from "../../platform/call-signal.ts";
import type { Clock } from "../../platform/clock.ts";
import { createCircuit } from "./opossum-circuit.ts";
import type { CircuitListeners, CircuitSettings, CircuitState } from "./opossum-circuit.ts";
import { outcomeOfError, outcomeOfResponse } from "./outcome.ts";
import { sendProbe } from "./probe.ts";
import { UpstreamError } from "../error.ts";
import type { Layer, Send, UpstreamCall, UpstreamRequest, UpstreamResponse } from "../layer.ts";

/** What a breaker is made of. */
export interface CircuitBreakerOptions extends CircuitListeners {
  /** Names what is behind the breaker, such as `https://eu-de.kms.cloud.ibm.com|data`. */
  readonly name: string;
  readonly settings: CircuitSettings;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** The part of a call that decides whether it may be the probe. */
type Candidate = { readonly rpc: Pick<UpstreamCall["rpc"], "repeat"> };

/** Stops sending to an upstream that fails. */
export interface Breaker {
  /**
   * The refusal that a call would meet now, a `CIRCUIT_OPEN` with `retryAfterMs`; `undefined` if it would be sent. Costs
   * and changes nothing.
   */
  peek(call?: Candidate): UpstreamError | undefined;
  /** To be put around the exchange alone. Rejects with `CIRCUIT_OPEN`, `sent: false`, without calling what is inside. */
  readonly layer: Layer;
  /** The refusal for calls that wait behind the breaker while it is open: told without a look at each. */
  refusal(): UpstreamError;
  readonly state: CircuitState;
  /** Milliseconds until the circuit lets a call through; 0 if it does so now. */
  readonly retryInMs: number;
  /** Ends a probe under way and all timers. What is sent afterwards passes unwatched. */
  close(): void;
}

/** Creates a breaker whose circuit is closed. */
export function createCircuitBreaker(options: CircuitBreakerOptions): Breaker {
  const { name, settings, clock, random } = options;
  const circuit = createCircuit(options);
  let probeAbort = new AbortController();
  let probeDeadline = 0;

  /** A probe may be lost. One that must not be executed twice is risked only when nothing else came for a second period. */
  const waitMs = (call: Candidate | undefined): number => {
    const { state } = circuit;
    if (state === "closed") return 0;
    const now = clock.now();
    if (state === "open") return Math.max(1, circuit.halfOpenAt - now);
    if (!circuit.wantsProbe) return Math.max(1, probeDeadline - now);
    if (call === undefined || call.rpc.repeat === "safe") return 0;
    return Math.max(0, circuit.halfOpenAt + circuit.openForMs - now);
  };

  const refusalFor = (ms: number): UpstreamError => {
    // Spread, lest all who were refused come back in the same moment.
    const jitterMs = random() * 0.2 * settings.resetMs;
    return new UpstreamError("CIRCUIT_OPEN", `the circuit ${name} is open`, {
      retryAfterMs: Math.ceil(ms + jitterMs),
    });
  };

  const peek = (call?: Candidate): UpstreamError | undefined => {
    const ms = waitMs(call);
    return ms === 0 ? undefined : refusalFor(ms);
  };

  const probe = (next: Send, request: UpstreamRequest): Promise<UpstreamResponse> => {
    probeAbort = new AbortController();
    probeDeadline = clock.now() + settings.probeMs;
    return sendProbe(next, request, {
      clock,
      probeMs: settings.probeMs,
      probeAbort: probeAbort.signal,
      decide: circuit.takeProbe(),
    });
  };

  const layer: Layer = (next) => async (request) => {
    const { call } = request;
    // Such a call is not sent, so it neither is evidence nor can it be the probe.
    if (call.signal.aborted) return next(request);
    const refusal = peek(call);
    if (refusal !== undefined) throw refusal;
    if (circuit.state === "halfOpen") return probe(next, request);
    const { generation } = circuit;
    const startedAt = clock.now();
    let response: UpstreamResponse;
    try {
      response = await next(request);
    } catch (error) {
      const ranMs = clock.now() - startedAt;
      const evidence = outcomeOfError(error, ranMs, call.rpc.attemptTimeoutMs);
      if (evidence !== "none") circuit.record(evidence === "failed", generation);
      throw error;
    }
    circuit.record(outcomeOfResponse(response) === "failed", generation);
    return response;
  };

  return {
    peek,
    layer,
    refusal: () => refusalFor(waitMs(undefined)),
    get state() {
      return circuit.state;
    },
    get retryInMs() {
      return waitMs(undefined);
    },
    close() {
      circuit.close();
      probeAbort.abort(new CallEnded("shutdown"));
    },
  };
}
