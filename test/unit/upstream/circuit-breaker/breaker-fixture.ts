/** A breaker before a scripted upstream. Needs vitest's fake timers, which drive opossum too. */
import { vi } from "vitest";
import { systemClock } from "../../../../src/platform/clock.ts";
import type {
  CircuitListeners,
  CircuitSettings,
} from "../../../../src/upstream/circuit-breaker/opossum-circuit.ts";
import { createCircuitBreaker } from "../../../../src/upstream/circuit-breaker/circuit-breaker.ts";
import type { CircuitBreaker } from "../../../../src/upstream/circuit-breaker/circuit-breaker.ts";
import { UpstreamError } from "../../../../src/upstream/error.ts";
import type { CircuitBreakers } from "../../../../src/upstream/circuit-breaker/breakers.ts";
import type { Layer, Send, UpstreamResponse } from "../../../../src/upstream/layer.ts";
import { openRequest } from "../requests.ts";

/** Small numbers, so that an outage takes four requests. */
export const settings: CircuitSettings = {
  failurePercent: 50,
  minimumExchanges: 4,
  windowMs: 5_000,
  resetMs: 5_000,
  longestResetMs: 60_000,
  probeMs: 2_000,
};

/** Returns a response with the given status. */
export const answer = (status: number): UpstreamResponse => ({
  status,
  headers: {},
  body: Buffer.alloc(0),
});

/** The error of a refused connection. */
export const unreachable = (): UpstreamError => new UpstreamError("UNREACHABLE", "refused");

/** The breakers of a host as one layer: each request takes the breaker of its RPC. */
export const breakersLayer =
  (breakers: CircuitBreakers): Layer =>
  (next) =>
  (request) =>
    breakers.of(request.call.rpc).layer(next)(request);

/** An exchange that the test ends. */
export interface PendingExchange {
  readonly resolve: (response: UpstreamResponse) => void;
  readonly reject: (error: unknown) => void;
}

/** The breaker and the upstream behind it. */
export interface Fixture {
  readonly breaker: CircuitBreaker;
  /** Sends through the breaker. */
  readonly send: Send;
  /** The upstream; answers 200 at first. */
  upstream: Send;
  /** Requests that reached the upstream. */
  readonly arrivals: number;
  /** Sends one safe request and returns the status or the code of the error. */
  ask(): Promise<number | string>;
  /** Makes requests fail until the circuit opens. */
  trip(): Promise<void>;
  /** From now on, the test ends each exchange. */
  hold(): PendingExchange[];
}

/** A breaker whose random numbers are all 0.5, which makes every reset exactly as long as set. */
export function fixture(
  changes: Partial<CircuitSettings> = {},
  listeners: CircuitListeners & { random?: () => number } = {},
): Fixture {
  const { random = () => 0.5, ...handlers } = listeners;
  const breaker = createCircuitBreaker({
    name: "https://upstream.test|data",
    settings: { ...settings, ...changes },
    clock: systemClock,
    random,
    ...handlers,
  });
  let arrivals = 0;
  const made: Fixture = {
    breaker,
    send: breaker.layer((request) => {
      arrivals += 1;
      return made.upstream(request);
    }),
    upstream: () => Promise.resolve(answer(200)),
    get arrivals() {
      return arrivals;
    },
    ask: () => resultOf(made.send(openRequest())),
    async trip() {
      made.upstream = () => Promise.reject(unreachable());
      for (let count = 0; count < 100 && breaker.state === "closed"; count++) await made.ask();
    },
    hold() {
      const pending: PendingExchange[] = [];
      made.upstream = () =>
        new Promise((resolve, reject) => {
          pending.push({ resolve, reject });
        });
      return pending;
    },
  };
  return made;
}

/** Returns the status of a response or the code of an error. */
export const resultOf = (sent: Promise<UpstreamResponse>): Promise<number | string> =>
  sent.then(
    (response) => response.status,
    (error: unknown) => (error instanceof UpstreamError ? error.code : String(error)),
  );

/** Advances the time, timers and pending microtasks. */
export const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
