/** The two circuit breakers of one host: one per class of operations. */
import type { Clock } from "../../platform/clock.ts";
import type { PriorityClass } from "../../rpc-table.ts";
import type { UpstreamError } from "../error.ts";
import { createCircuitBreaker, type CircuitBreaker } from "./circuit-breaker.ts";
import type { CircuitSettings } from "./opossum-circuit.ts";

/**
 * The class of operations that share a circuit. `data` is what services need all the time (wrap,
 * unwrap, quick reads). `management` is the rest, slow requests included. Apart, the failures of
 * slow requests neither block the quick ones nor disappear among their number.
 */
export type OperationClass = "data" | "management";

/** The operation class of each priority class. */
export const operationClassOf = {
  interactive: "data",
  management: "management",
  bulk: "management",
} as const satisfies Record<PriorityClass, OperationClass>;

/** The settings of the circuits of one host. */
export type Circuits = Readonly<Record<OperationClass, CircuitSettings>>;

const common = { failurePercent: 50, minimumExchanges: 20, longestResetMs: 60_000, probeMs: 2_000 };

/** The default settings. `resetMs` is longer than the longest attempt of its class. */
export const defaultCircuits: Circuits = {
  data: { ...common, windowMs: 5_000, resetMs: 5_000 },
  management: { ...common, windowMs: 10_000, resetMs: 10_000 },
};

/** Settings and listeners of the circuit breakers of one host. */
export interface CircuitBreakersOptions {
  /** The host's URL; a part of the error texts. */
  readonly url: string;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Default `defaultCircuits`. */
  readonly circuits?: Circuits | undefined;
  /**
   * Called when a circuit opened, for the first time or after a failed probe. `rejection` creates
   * the error for a call that waits.
   */
  readonly onOpen?:
    | ((operations: OperationClass, rejection: () => UpstreamError) => void)
    | undefined;
  /** Called when a circuit closed. */
  readonly onClose?: ((operations: OperationClass) => void) | undefined;
  /** Called with what `onOpen` or `onClose` threw. */
  readonly onFault?: ((error: unknown) => void) | undefined;
}

/** The circuit breakers of one host. */
export interface CircuitBreakers extends Disposable {
  readonly byClass: Readonly<Record<OperationClass, CircuitBreaker>>;
  /** The breaker of the class that an RPC belongs to. */
  of(rpc: { readonly priority: PriorityClass }): CircuitBreaker;
}

/** Creates the circuit breakers of one host, with both circuits closed. */
export function createCircuitBreakers(options: CircuitBreakersOptions): CircuitBreakers {
  const { url, clock, random, circuits = defaultCircuits, onOpen, onClose, onFault } = options;
  const create = (operations: OperationClass): CircuitBreaker => {
    const breaker: CircuitBreaker = createCircuitBreaker({
      name: `${url}|${operations}`,
      settings: circuits[operations],
      clock,
      random,
      onOpen: () => onOpen?.(operations, () => breaker.rejection()),
      onClose: () => onClose?.(operations),
      onFault,
    });
    return breaker;
  };
  const byClass = { data: create("data"), management: create("management") };
  return {
    byClass,
    of: ({ priority }) => byClass[operationClassOf[priority]],
    [Symbol.dispose]() {
      byClass.data[Symbol.dispose]();
      byClass.management[Symbol.dispose]();
    },
  };
}
