/** The state that all Key Protect instances on one host share, since outages hit whole hosts. */
import type { Logger } from "pino";
import type { Clock } from "../platform/clock.ts";
import {
  createCircuitBreakers,
  type CircuitBreakers,
  type Circuits,
  type OperationClass,
} from "./circuit-breaker/breakers.ts";
import type { UpstreamError } from "./error.ts";
import { guardEmit, ignoreEvents, type HostEvent } from "./meter.ts";
import { createRetryBudget, type RetryBudget } from "./retry/retry-budget.ts";

/** Listens to the circuits of one host. Exceptions are logged. */
export interface HostListener {
  /** A circuit opened. `rejection` creates the error for a call that waits. */
  onOpen(operations: OperationClass, rejection: () => UpstreamError): void;
  onClose(operations: OperationClass): void;
}

/** One host. */
export interface UpstreamHost {
  /** Absent if circuit breakers are off. */
  readonly circuitBreakers: CircuitBreakers | undefined;
  readonly retryBudget: RetryBudget;
  /** Adds a listener, for the life of the host. */
  listen(listener: HostListener): void;
}

/** Settings and dependencies of hosts. */
export interface UpstreamHostsOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly logger: Pick<Logger, "warn" | "info" | "error">;
  /** Gets `circuitOpened`. Exceptions are logged. Default: events are ignored. */
  readonly emit?: ((event: HostEvent) => void) | undefined;
  /** When circuits open. Default `defaultCircuits`; `off` for no circuit breakers. */
  readonly circuits?: Circuits | "off" | undefined;
  /** Retries that one successful request adds to the budget. Default: that of the budget. */
  readonly retriesPerSuccess?: number | undefined;
}

/** The hosts by their URL. Each is created when it is first asked for. */
export interface UpstreamHosts extends Disposable {
  of(url: string): UpstreamHost;
  /** Circuits of all hosts that are not closed; two per host at most. */
  readonly circuitsOpen: number;
  /** Adds a listener that is called after a circuit of any host opened or closed. */
  watch(onChange: () => void): void;
}

/** Creates an empty set of hosts. */
export function createUpstreamHosts(options: UpstreamHostsOptions): UpstreamHosts {
  const { clock, random, logger, circuits, retriesPerSuccess } = options;
  const emit = guardEmit<HostEvent>(options.emit ?? ignoreEvents, logger);
  const hosts = new Map<string, UpstreamHost>();
  const watchers: (() => void)[] = [];

  const create = (url: string): UpstreamHost => {
    const listeners: HostListener[] = [];
    const openCircuit = (operations: OperationClass, rejection: () => UpstreamError): void => {
      logger.warn(
        { origin: url, operations },
        "the circuit is open: requests to Key Protect are rejected for a while",
      );
      emit({ kind: "circuitOpened", circuit: operations });
      for (const listener of listeners) listener.onOpen(operations, rejection);
      for (const onChange of watchers) onChange();
    };
    const closeCircuit = (operations: OperationClass): void => {
      logger.info({ origin: url, operations }, "the circuit is closed: Key Protect answers again");
      for (const listener of listeners) listener.onClose(operations);
      for (const onChange of watchers) onChange();
    };
    return {
      circuitBreakers:
        circuits === "off"
          ? undefined
          : createCircuitBreakers({
              url,
              circuits,
              clock,
              random,
              onOpen: openCircuit,
              onClose: closeCircuit,
              onFault: (error) =>
                logger.error({ err: error, origin: url }, "a listener of the circuit failed"),
            }),
      retryBudget: createRetryBudget({ clock, perSuccess: retriesPerSuccess }),
      listen: (listener) => void listeners.push(listener),
    };
  };

  return {
    of(url) {
      const host = hosts.get(url) ?? create(url);
      hosts.set(url, host);
      return host;
    },
    get circuitsOpen() {
      let count = 0;
      for (const { circuitBreakers } of hosts.values()) {
        if (circuitBreakers === undefined) continue;
        const { data, management } = circuitBreakers.byClass;
        if (data.state !== "closed") count += 1;
        if (management.state !== "closed") count += 1;
      }
      return count;
    },
    watch: (onChange) => void watchers.push(onChange),
    [Symbol.dispose]() {
      for (const { circuitBreakers } of hosts.values()) circuitBreakers?.[Symbol.dispose]();
    },
  };
}
